"""The command `riesz`, also as `python -m riesz`."""

import os
import sys

_INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


def main() -> None:
    """Run the command line and leave with its exit code, also when interrupted while it loads."""
    try:
        from riesz.cli import main as run

        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
