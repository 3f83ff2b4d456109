"""The recipe of `riesz train`: every default that decides how well a model becomes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from riesz.domains import AbstractDiscretization, Space
    from riesz.operators import AbstractOperator
    from riesz.problems import AbstractProblem

# Pairs and cells along an axis, where neither data nor options say otherwise.
SAMPLES = {"antiderivative": 1000, "pendulum": 1000, "burgers": 1000}
SAMPLES_ELSE = 500
GRID = {1: 128, 2: 32, 3: 16}

# Values of all pairs, 4 bytes each, up to which they are read into memory before the fit.
MOST_VALUES_IN_MEMORY = 2**29

# The fit.
STEPS = 2000
BATCH_SIZE = 16
LEARNING_RATE = 6e-3
WEIGHT_DECAY = 0.1  # less of it, and long fits to a thousand pairs learn them by heart
LOSS = {"l2": 1.0, "h1": 0.3}
CHECKPOINT_SECONDS = 10.0

# The split. Held out for calibration and the test, where the problem gives no fresh samples.
HELD_OUT, HELD_OUT_LEAST = 0.10, 20
LEAST_SAMPLES = 8
VALIDATION = 0.05  # of the rest

# Fresh samples, for the calibration (more where its level needs them) and the evaluation.
CALIBRATION_MEMBERS, TEST_MEMBERS = 100, 50
REFINEMENTS = (1, 2, 4)
MOST_POINTS = 2**18  # of the finest grid

# The operators, by the dimension of the domain. FNO: at most so many modes, and 3/8 of the points.
MODES = {1: 16, 2: 12, 3: 8}
WIDTH = {1: 64, 2: 32, 3: 32}
LAYERS = 4
SENSORS = {1: 64, 2: 16, 3: 8}
DEEPONET_BASIS, DEEPONET_WIDTH, DEEPONET_DEPTH = 64, 128, 2


def refinement(problem: "AbstractProblem") -> int:
    """How much finer than the data's grid the solver works, for truths nearer to the solution."""
    return REFINEMENTS[-1] if problem.order <= 2 else 1


def operator_settings(
    name: str,
    space: "Space",
    on: "AbstractDiscretization",
    problem: "AbstractProblem | None",
    modes: int | None,
    width: int | None,
    layers: int | None,
) -> dict[str, Any]:
    """What `build_operator` needs, as JSON values."""
    dim = space.domain.dim
    zero = bool(problem is not None and problem.zero_boundary)
    if name == "deeponet":
        sizes = (modes or DEEPONET_BASIS, width or DEEPONET_WIDTH, layers or DEEPONET_DEPTH)
        parts = dict(zip(("basis", "width", "depth"), sizes, strict=True))
        return {"name": name, "zero_boundary": zero, "sensors": SENSORS[dim], **parts}
    shape = on.shape if len(on.shape) == dim else (2 * MODES[dim],)
    carried = [max(1, min(MODES[dim], 3 * n // 8)) for n in shape]
    return {
        "name": name,
        "zero_boundary": zero,
        "modes": [modes] * dim if modes else carried,
        "width": width or WIDTH[dim],
        "layers": layers or LAYERS,
        "coordinates": not _invariant(problem, dim),
    }


def _invariant(problem: "AbstractProblem | None", dim: int) -> bool:
    """Whether the problem looks the same from everywhere."""
    from riesz.functions import Translation

    moved = {s.axis for s in getattr(problem, "symmetries", ()) if isinstance(s, Translation)}
    return moved == set(range(dim))


def build_operator(
    settings: dict[str, Any], spaces: "tuple[Space, Space]", key: "PRNGKeyArray"
) -> "AbstractOperator":
    """The operator that the settings describe, with random weights."""
    from riesz.operators import FNO, DeepONet, ZeroDirichlet

    arguments = dict(settings)
    kind = {"fno": FNO, "deeponet": DeepONet}[arguments.pop("name")]
    zero = arguments.pop("zero_boundary")
    operator = kind(*spaces, **arguments, key=key)
    return ZeroDirichlet(operator) if zero else operator


def symmetrise(
    operator: "AbstractOperator", problem: "AbstractProblem | None"
) -> "AbstractOperator":
    """The fitted operator averaged over the problem's reflections and transpositions."""
    from riesz.operators import Symmetrised

    finite = [g for g in getattr(problem, "symmetries", ()) if g.involution]
    return Symmetrised(operator, finite) if finite else operator
