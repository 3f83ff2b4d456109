"""`riesz train --rollout`: an operator that makes steps, and its error along several."""

from typing import TYPE_CHECKING, Any

import jax

from riesz._core.progress import say
from riesz.cli import _defaults as defaults
from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.cli._folder import RunFolder
    from riesz.cli._options import Options
    from riesz.cli._source import Source
    from riesz.evaluation import RolloutReport
    from riesz.functions import Function, PairsLike
    from riesz.learning import Fitted, Recipe, Split

_MEASURED = 20  # steps of rollouts of a problem, at least


def fit_steps(
    options: "Options",
    source: "Source",
    split: "Split",
    recipe: "Recipe",
    folder: "RunFolder",
    parts: "tuple[PairsLike, PairsLike]",
) -> "Fitted":
    """Fit the recipe's operator by its error along `options.rollout` steps."""
    from riesz import fit
    from riesz.cli._training import make_key
    from riesz.functions import trajectories
    from riesz.objectives import Rollout

    steps = options.rollout
    assert steps is not None
    if source.resolution is None:
        training, held = (trajectories(pairs[:], steps) for pairs in parts)
    else:
        problem: Any = _evolution(source)
        key = jax.random.key(options.seed)
        say(f"solving {source.samples} trajectories of {steps} steps")
        states = problem.trajectories(
            source.samples, source.resolution, times=steps + 1, key=key, progress=True
        )
        training, held = (_rows(states, rows) for rows in (split.training, split.validation))
    keys = jax.random.split(make_key(options.seed, 2))
    operator = recipe.build(*source.spaces, key=keys[0])
    return fit(
        operator,
        training,
        Rollout(recipe.loss, steps),
        recipe,
        validation=held,
        folder=folder.path / "fit",
        checkpoint_every=options.checkpoint_every,
        key=keys[1],
    )


def measure_steps(
    options: "Options", source: "Source", operator: Any, test: "PairsLike"
) -> "RolloutReport":
    """Errors along fresh trajectories of the problem, or along those in the test pairs."""
    from riesz.cli._training import make_key
    from riesz.evaluation import rollout
    from riesz.functions import trajectories

    steps = options.rollout
    assert steps is not None
    if source.resolution is None:
        return rollout(operator, trajectories(test[:], steps))
    problem: Any = _evolution(source)
    times = max(_MEASURED, steps) + 1
    key = make_key(options.seed, 8)
    states = problem.trajectories(defaults.TEST_SAMPLES, source.resolution, times=times, key=key)
    return rollout(operator, states)


def _evolution(source: "Source") -> Any:
    from riesz.problems import AbstractEvolution

    if isinstance(source.problem, AbstractEvolution):
        return source.problem
    raise UsageError(
        "this problem does not step in time",
        where=f"riesz train {source.name} --rollout",
        expected="a problem from a state to a later one, such as burgers or navier-stokes",
        found=str(source.name),
        repair="leave --rollout out",
    )


def _rows(states: "Function", rows: Any) -> "Function":
    return jax.tree.map(lambda x: x[rows], states)
