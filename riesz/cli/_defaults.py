"""Defaults of the commands: how many samples, how finely. `riesz.recipe` has those of a fit."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from riesz.problems import AbstractProblem

# Pairs and cells along an axis, by dimension, where neither data nor options say otherwise.
SAMPLES = {1: 1000, 2: 500, 3: 500}
GRID = {1: 128, 2: 32, 3: 16}

# Values of all pairs, 4 bytes each, up to which they are read into memory before the fit.
MOST_VALUES_IN_MEMORY = 2**29

CALIBRATION_SAMPLES, TEST_SAMPLES = 100, 50  # fresh ones; more where the level needs them
REFINEMENTS = (1, 2, 4)
MOST_POINTS = 2**18  # of the finest grid
CHECKPOINT_SECONDS = 10.0
MOST_BASELINE_VALUES = 2**26  # of one baseline that is kept in the run folder, 256 MiB


def refinement(problem: "AbstractProblem") -> int:
    """How much finer than the data's grid the solver works, for targets nearer to the solution."""
    return REFINEMENTS[-1] if problem.order <= 2 else 1


def fresh_calibration(level: float) -> int:
    """How many fresh samples calibrate a band of this level."""
    from riesz.learning.internal import least_for_calibration

    return max(CALIBRATION_SAMPLES, least_for_calibration(level))
