"""Running a command: its errors, warnings, interruption and answer."""

import errno
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from functools import wraps
from typing import Any, TextIO

import typer

from riesz._core.progress import say
from riesz.cli._output import Answer, to_json
from riesz.errors import RieszError, RunError, SolverError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


class Interrupted(Exception):
    """The command was interrupted; `resume` is the command that goes on, or None."""

    def __init__(self, resume: str | None = None) -> None:
        super().__init__("interrupted")
        self.resume = resume


def guarded(function: Callable[..., Answer]) -> Callable[..., None]:
    """A command that prints its answer, and leaves with an exit code instead of a traceback."""

    @wraps(function)
    def command(*args: Any, **kwargs: Any) -> None:
        as_json = bool(kwargs.get("as_json"))
        _unsaid[:] = [None]
        try:
            # what libraries print must not mix with the JSON value
            quiet = redirect_stdout(sys.stderr) if as_json else nullcontext()
            with _plain_warnings(), quiet:
                answer = function(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except (Interrupted, KeyboardInterrupt) as stop:
            say_interrupted(getattr(stop, "resume", None), as_json)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if _from_interrupt(error):
                say_interrupted(None, as_json)
                raise typer.Exit(INTERRUPTED) from None
            raise typer.Exit(failed(error, as_json, kwargs.get("out"))) from None
        try:
            _print(to_json(answer.value) if as_json else answer.text)
        except OSError as error:
            raise typer.Exit(failed(error, False, "standard output")) from None

    return command


def failed(error: Exception, as_json: bool, out: Any = None) -> int:
    """Say what went wrong; the exit code. `out` is where the command writes."""
    code, record, text = _explain(error, out)
    if os.environ.get("RIESZ_TRACEBACK"):
        traceback.print_exception(error, file=sys.stderr)
    say(f"error: {text}")
    if as_json:
        _print(to_json({"error": {"exit_code": code, **record}}))
    return code


def _explain(error: Exception, out: Any) -> tuple[int, dict[str, Any], str]:
    full = _full_disk(error, out)
    if full is not None:
        return FAILURE, _record(full, "OSError"), str(full)
    if isinstance(error, RieszError):
        code = FAILURE if isinstance(error, RunError | SolverError) else USAGE
        return code, _record(error, type(error).__name__), str(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        told = RieszError(
            "not enough memory",
            found=_short(error),
            repair="use a smaller --batch-size, operator or grid, or a machine with more memory",
        )
    elif isinstance(error, OSError):
        told = RieszError(
            "the operating system denies access to a file or folder",
            where=error.filename or out,
            found=error.strerror or str(error),
            repair="check the path, its permissions and the free space of the disk",
        )
    else:
        told = RieszError(
            f"unexpected failure inside the program: {type(error).__name__}: {_short(error)}",
            where=_place(error),
            repair="this is a fault of riesz, not of the call; repeat the command with "
            "RIESZ_TRACEBACK=1 set to see where, and report it",
        )
    return FAILURE, _record(told, type(error).__name__), str(told)


def _record(error: RieszError, kind: str) -> dict[str, Any]:
    names = ("message", "where", "expected", "found", "repair")
    parts = {name: getattr(error, name) for name in names}
    return {"kind": kind, **{name: None if x is None else str(x) for name, x in parts.items()}}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


_FULL = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded"}


def _full_disk(error: BaseException, out: Any) -> RieszError | None:
    """The error for a disk without space, however a library has wrapped what the system said."""
    for cause in _causes(error):
        text, number = str(cause), getattr(cause, "errno", None)
        found = _FULL.get(number or 0) or next((x for x in _FULL.values() if x in text), None)
        if found:
            where = getattr(cause, "filename", None) or getattr(error, "where", None) or out
            return RieszError(
                "the disk is full",
                where=where,
                expected="space for this file",
                found=found,
                repair="free some space (df -h shows it) or choose another disk, then repeat the "
                "command. Files that were complete are kept; riesz train goes on from the last "
                "checkpoint",
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those in whose handling it came about."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__


def _from_interrupt(error: BaseException) -> bool:
    """Whether a library has made another error of Ctrl-C."""
    return any(isinstance(cause, KeyboardInterrupt) for cause in _causes(error))


def _place(error: Exception) -> str | None:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f"riesz{os.sep}" in f.filename] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


_unsaid: list[None] = [None]  # empty from the moment at which an interruption is said


def say_interrupted(resume: str | None, as_json: bool, stdout: TextIO | None = None) -> None:
    """Say that a command was interrupted and how it goes on, with one JSON value at most."""
    if not _unsaid:
        time.sleep(0.2)  # for the thread that says it
        return
    say("interrupted" + (f"; to go on, repeat:\n  {resume}" if resume else ""))
    with suppress(IndexError):  # a second interruption has just said it
        _unsaid.pop()
        if as_json:
            _print(to_json({"status": "interrupted", "resume": resume}), stdout)


@contextmanager
def _plain_warnings():
    """Warnings as one line each on standard error, each text once."""
    told = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = str(message)
        kind = re.sub(r"[-+.e0-9]+", "", text)  # the same warning of another chunk of the data
        if kind not in told:
            told.add(kind)
            say(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _print(text: str, stdout: TextIO | None = None) -> None:
    try:
        print(text, file=stdout, flush=True)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
