"""Reads the data files named on its standard input; a process of its own, since it may crash."""

import hashlib
import sys
import warnings

import jax
import numpy as np

from riesz.data import load_functions, open_pairs
from riesz.errors import RieszError


def digest(path, options):
    """Everything that reading the file gives."""
    if options.get("functions"):
        found = load_functions(path)
        parts = [jax.tree.structure(found)]
    else:
        file = open_pairs(path, **options)
        found = file.all()
        spaces = (file.input_space, file.output_space, file.input_grid, file.output_grid)
        parts = [file.length, file.fingerprint, file.problem, file.seed, *spaces]
        parts += [file[[len(file) - 1, 0]].inputs.values.tobytes()]
    parts += [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(found)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def outcome(path, options):
    try:
        return digest(path, options)
    except RieszError as error:
        return "refused" if error.repair else f"no repair: {error.message}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")


if __name__ == "__main__":
    warnings.simplefilter("error")
    given = dict(pair.split("=") for pair in sys.argv[1:])
    print("ready", flush=True)
    for line in sys.stdin:
        print(outcome(line.strip(), given), flush=True)
