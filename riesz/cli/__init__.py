"""The command line `riesz`."""

import sys
import time

import typer

from riesz._core.progress import say
from riesz.cli import _evaluate as _evaluate
from riesz.cli import _fit_flow as _fit_flow
from riesz.cli import _fit_process as _fit_process
from riesz.cli import _info as _info
from riesz.cli import _kernel as _kernel
from riesz.cli import _lists as _lists
from riesz.cli import _papers as _papers
from riesz.cli import _predict as _predict
from riesz.cli import _sample as _sample
from riesz.cli import _solve as _solve
from riesz.cli import _train as _train
from riesz.cli._app import app as app
from riesz.cli._guard import INTERRUPTED, failed, say_interrupted
from riesz.cli._leave import leave, leave_at_second_interrupt
from riesz.errors import UsageError


def main() -> None:
    """Run the command line and leave with its exit code."""
    _train.process_start = time.monotonic() - time.process_time()
    try:
        leave_at_second_interrupt()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the command itself
        say_interrupted(None, "--json" in sys.argv)
        code = INTERRUPTED
    leave(code)


def run(arguments: list[str]) -> int:
    """Run a command; its exit code: 0, 2 for usage and data, 1 for failures, 130."""
    try:
        return app(arguments, prog_name="riesz", standalone_mode=False) or 0
    except typer.TyperException as error:
        ctx = getattr(error, "ctx", None)
        command = ctx.command_path if ctx is not None else "riesz"
        if type(error).__name__ == "NoArgsIsHelpError":
            say(error.format_message())
            return error.exit_code
        usage = UsageError(
            error.format_message().rstrip("."),
            where=command,
            repair=f"{command} --help shows the options and an example",
        )
        return failed(usage, "--json" in arguments)
    except (KeyboardInterrupt, typer.Abort):
        say_interrupted(None, "--json" in arguments)
        return INTERRUPTED
