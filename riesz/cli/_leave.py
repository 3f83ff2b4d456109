"""Leaving the process: with whole files, and without taking apart a program that still runs.

Python ends by taking XLA apart, which crashes where a compiled program is still running, as after
Ctrl-C, and never ends where its threads wait for each other. `os._exit` ends at once. It loses
nothing: every file is written in full under another name and renamed.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from riesz.cli._folder import this_command
from riesz.cli._guard import INTERRUPTED, say_interrupted


def leave(code: int) -> NoReturn:
    """End the process with an exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a full disk, a closed pipe
            stream.flush()
    if code:
        os._exit(code)
    sys.exit(0)


def leave_at_second_interrupt() -> None:
    """From here on a second Ctrl-C ends the process at once, whatever its main thread does.

    Python handles signals between two instructions of the main thread, which may wait for a
    compilation or a result. The signal number arrives in a pipe without that, and a thread reads
    it there.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGINT, _leave_at_once)  # until all of this stands
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_count, args=(reader,), daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, _answer)


def _answer(number: int, frame: FrameType | None) -> None:
    """Python's own answer to Ctrl-C, once, but at once where a module is only half imported.

    What a library makes of an interruption within its import is anybody's guess. The second must
    not fall on what Python does about the first.
    """
    below = frame
    while below is not None:
        if below.f_code.co_filename.startswith("<frozen importlib"):
            _leave_interrupted()
        below = below.f_back
    signal.signal(signal.SIGINT, _leave_at_once)
    signal.default_int_handler(number, frame)


_answer.__dict__["raises_keyboard_interrupt"] = True  # so that a fit may defer it


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    del number, frame
    _leave_interrupted()


def _count(reader: int) -> None:
    interrupts = 0
    while interrupts < 2:
        interrupts += os.read(reader, 64).count(signal.SIGINT)
    _leave_interrupted()


def _leave_interrupted() -> NoReturn:
    try:
        say_interrupted(this_command(), "--json" in sys.argv, sys.__stdout__)
    finally:
        os._exit(INTERRUPTED)
