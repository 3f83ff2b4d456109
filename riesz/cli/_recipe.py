"""What `riesz train` samples, and on what it measures; `riesz.recipe` has the rest."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from riesz.operators import AbstractOperator
    from riesz.problems import AbstractProblem

# Pairs and cells along an axis, where neither data nor options say otherwise.
SAMPLES = {"antiderivative": 1000, "pendulum": 1000, "burgers": 1000}
SAMPLES_ELSE = 500
GRID = {1: 128, 2: 32, 3: 16}

# Values of all pairs, 4 bytes each, up to which they are read into memory before the fit.
MOST_VALUES_IN_MEMORY = 2**29

CHECKPOINT_SECONDS = 10.0

# Fresh samples, for the calibration (more where its level needs them) and the evaluation.
CALIBRATION_MEMBERS, TEST_MEMBERS = 100, 50
REFINEMENTS = (1, 2, 4)
MOST_POINTS = 2**18  # of the finest grid


def fresh_calibration(level: float) -> int:
    """How many fresh samples calibrate a band of this level."""
    from riesz._fit._split import least_for_calibration

    return max(CALIBRATION_MEMBERS, least_for_calibration(level))


def refinement(problem: "AbstractProblem") -> int:
    """How much finer than the data's grid the solver works, for truths nearer to the solution."""
    return REFINEMENTS[-1] if problem.order <= 2 else 1


def invariant(problem: "AbstractProblem | None", dim: int) -> bool:
    """Whether the problem looks the same from everywhere."""
    from riesz.functions import Translation

    moved = {s.axis for s in getattr(problem, "symmetries", ()) if isinstance(s, Translation)}
    return moved == set(range(dim))


def symmetrise(
    operator: "AbstractOperator", problem: "AbstractProblem | None"
) -> "AbstractOperator":
    """The fitted operator averaged over the problem's reflections and transpositions."""
    from riesz.operators import Symmetrised

    finite = [g for g in getattr(problem, "symmetries", ()) if g.involution]
    return Symmetrised(operator, finite) if finite else operator
