"""The command `riesz`, also as `python -m riesz`."""

import os
import signal

_INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


def main() -> None:
    """Run the command line and leave with its exit code, also when interrupted while it loads."""
    signal.signal(signal.SIGINT, _leave)
    from riesz.cli import main as run

    run()


def _leave(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
