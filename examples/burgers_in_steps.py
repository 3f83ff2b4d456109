"""An operator that makes one step of Burgers' equation, trained on several, and its rollout.

    python examples/burgers_in_steps.py

Trajectories are steps of the reference solver. A Fourier neural operator learns one step of time
0.1, once by single steps and once by the error along four of its own; both are then applied to
their own answers, on trajectories that neither has seen.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

import riesz
from riesz.evaluation import RolloutReport, rollout
from riesz.functions import Function
from riesz.objectives import Rollout
from riesz.operators import FNO
from riesz.problems import Burgers

STEP = Burgers(viscosity=0.02, time=0.1)
GRID = STEP.grid(64)


@eqx.filter_jit
def trajectories(count: int, times: int, key: jax.Array) -> Function:
    """States at `times` times, from `count` initial states."""

    def one(key: jax.Array) -> Function:
        first = STEP.smooth_input(GRID, key=key)

        def step(u: Function, _: None) -> tuple[Function, Function]:
            after = STEP.solution(u).function
            u = eqx.tree_at(lambda f: f.values, u, after.values)
            return u, u

        rest = jax.lax.scan(step, first, None, length=times - 1)[1]
        return jax.tree.map(lambda x, y: jnp.concatenate([x[None], y]), first, rest)

    return jax.lax.map(one, jax.random.split(key, count), batch_size=16)


def main(n: int = 192, steps: int = 1500) -> dict[str, RolloutReport]:
    """Reports of the operator trained by one step, and by four."""
    keys = jax.random.split(jax.random.key(0), 4)
    training, held = trajectories(n, 11, keys[0]), trajectories(64, 21, keys[1])
    space = STEP.input_space
    start = FNO(space, space, modes=16, width=32, layers=3, coordinates=False, key=keys[2])
    reports = {}
    for name, ahead in (("one step", 1), ("four steps", 4)):
        objective = Rollout(riesz.RelativeLoss(), steps=ahead)
        fitted = riesz.fit(start, training, objective, steps=steps, key=keys[3])
        reports[name] = rollout(fitted.model, held)
        print(f"{name}: {fitted.seconds:.0f} s\n{reports[name]}\n")
    return reports


if __name__ == "__main__":
    main()
