"""An operator that makes one step of Burgers' equation, trained on several, and its rollout.

    python examples/burgers_in_steps.py

Trajectories are steps of the reference solver. A Fourier neural operator learns one step of time
0.1, once by single steps and once by the error along four of its own; both are then applied to
their own answers, on trajectories that neither has seen.
"""

import jax

import riesz
from riesz.evaluation import RolloutReport, rollout
from riesz.objectives import Rollout
from riesz.operators import FNO
from riesz.problems import Burgers


def main(n: int = 192, steps: int = 1500) -> dict[str, RolloutReport]:
    """Reports of the operator trained by one step, and by four."""
    keys = jax.random.split(jax.random.key(0), 4)
    problem = Burgers(viscosity=0.02, time=0.1).smooth()
    training = problem.trajectories(n, 64, times=11, key=keys[0])
    held = problem.trajectories(64, 64, times=21, key=keys[1])
    space = problem.input_space
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
