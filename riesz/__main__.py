"""`python -m riesz` is the command `riesz`."""

from riesz.cli import main

if __name__ == "__main__":
    main()
