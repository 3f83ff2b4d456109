"""Running a command: its errors, warnings, interruption and answer."""

import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import wraps
from typing import Any

import typer

from riesz.cli._output import Answer, say, to_json
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
        try:
            # what libraries print must not mix with the JSON value
            quiet = redirect_stdout(sys.stderr) if as_json else nullcontext()
            with _plain_warnings(), quiet:
                answer = function(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except (Interrupted, KeyboardInterrupt) as stop:
            raise typer.Exit(_interrupted(getattr(stop, "resume", None), as_json)) from None
        except Exception as error:
            raise typer.Exit(failed(error, as_json)) from None
        _print(to_json(answer.value) if as_json else answer.text)

    return command


def failed(error: Exception, as_json: bool) -> int:
    """Say what went wrong; the exit code."""
    code, record, text = _explain(error)
    if os.environ.get("RIESZ_TRACEBACK"):
        traceback.print_exception(error, file=sys.stderr)
    say(f"error: {text}")
    if as_json:
        _print(to_json({"error": {"exit_code": code, **record}}))
    return code


def _explain(error: Exception) -> tuple[int, dict[str, Any], str]:
    if isinstance(error, RieszError):
        code = FAILURE if isinstance(error, RunError | SolverError) else USAGE
        names = ("message", "where", "expected", "found", "repair")
        parts = {name: getattr(error, name) for name in names}
        record = {name: None if x is None else str(x) for name, x in parts.items()}
        return code, {"kind": type(error).__name__, **record}, str(error)
    if isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or str(error)
        wrapped = RieszError(
            "the operating system refuses a file or folder",
            where=error.filename,
            found=reason,
            repair="check the path, its permissions and the free space of the disk",
        )
        _, record, text = _explain(wrapped)
        return FAILURE, {**record, "kind": type(error).__name__}, text
    short = " ".join(str(error).split())[:300]
    wrapped = RieszError(
        f"unexpected failure inside the program: {type(error).__name__}: {short}",
        where=_place(error),
        repair="this is a fault of riesz, not of the call; repeat the command with "
        "RIESZ_TRACEBACK=1 set to see where, and report it",
    )
    _, record, text = _explain(wrapped)
    return FAILURE, {**record, "kind": type(error).__name__}, text


def _place(error: Exception) -> str | None:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f"riesz{os.sep}" in f.filename] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


def _interrupted(resume: str | None, as_json: bool) -> int:
    say("interrupted" + (f"; to go on, repeat:\n  {resume}" if resume else ""))
    if as_json:
        _print(to_json({"status": "interrupted", "resume": resume}))
    return INTERRUPTED


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


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
