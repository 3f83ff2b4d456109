"""Ctrl-C between two steps, where the state of a fit is whole."""

import signal
import threading
from types import FrameType

from riesz._core.progress import say


class DeferredInterrupt:
    """Within this context the first Ctrl-C only sets `asked`; a second one does as before.

    In the middle of a step the old weights are overwritten and the new ones not yet there. Only
    Python's own answer to Ctrl-C is deferred, in the main thread, which is the one that gets it.
    """

    def __init__(self, show: bool):
        self.asked, self._show = False, show
        self._before = signal.getsignal(signal.SIGINT)
        self._deferred = (
            _raises(self._before) and threading.current_thread() is threading.main_thread()
        )

    def __enter__(self) -> "DeferredInterrupt":
        if self._deferred:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.asked = True
        self._restore()
        if self._show:
            say("stopping after this step; Ctrl-C again: at once")

    def _restore(self) -> None:
        if self._deferred:
            signal.signal(signal.SIGINT, self._before)


def _raises(handler: object) -> bool:
    """Whether a handler of Ctrl-C is Python's own, or says that it ends like it."""
    own = handler is signal.default_int_handler
    return own or getattr(handler, "raises_keyboard_interrupt", False)
