"""Trajectories in pairs of a state and the next one."""

import jax
import numpy as np

from riesz.errors import DataError
from riesz.functions._batch import batch
from riesz.functions._function import Function
from riesz.functions._pairs import Pairs


def trajectories(pairs: Pairs, steps: int) -> Function:
    """The states of each run of `steps` pairs whose output is the input of the next.

    Pairs of a series, a state and the next one, in any order; runs overlap. The result is what
    `riesz.objectives.Rollout` and `riesz.evaluation.rollout` take: NumPy values of shape
    `(n, steps + 1, *shape, channels)`.

    **Raises:** `DataError` for states on points or with holes of their own, and where no run is
    that long.

    ```python
    pairs = riesz.open_pairs("series.nc", lead=1).all()
    fitted = riesz.fit(operator, trajectories(pairs, 4), Rollout(RelativeLoss(), 4), key=key)
    ```
    """
    states, following = (np.asarray(f.values) for f in (pairs.inputs, pairs.outputs))
    if pairs.inputs.discretization.stacked or not pairs.same_points:
        raise _no_runs(pairs, steps, "states on points, or with holes, of their own")
    first = {state.tobytes(): i for i, state in enumerate(states)}
    # output of pair i = input of pair successor_i, bit for bit; -1 for none
    successor = [first.get(state.tobytes(), -1) for state in following]
    runs = []
    for start in range(len(pairs)):
        run = [start]
        while len(run) < steps and successor[run[-1]] >= 0:
            run.append(successor[run[-1]])
        if len(run) == steps:
            runs.append(run)
    if not runs:
        raise _no_runs(pairs, steps, f"none in {len(pairs)} pairs")
    # (runs, steps): u_0 of the first pair, then the outputs u_1, ..., u_steps
    index = np.array(runs)
    values = np.concatenate([states[index[:, :1]], following[index]], 1)
    on, space = pairs.inputs.discretization, pairs.input_space
    return jax.device_get(jax.vmap(lambda x: batch(x, on, space))(values))


def _no_runs(pairs: Pairs, steps: int, found: str) -> DataError:
    return DataError(
        f"no pairs follow each other for {steps} steps",
        where=f"trajectories(pairs, steps={steps})",
        expected="pairs of a series: an output that is the input of another pair, and so on",
        found=found,
        repair="read them by riesz.open_pairs(file, lead=1), split them in the order of time "
        "(riesz train --split time), or ask for fewer steps",
    )
