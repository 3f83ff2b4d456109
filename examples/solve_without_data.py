"""Poisson's and Darcy's equation solved by a network, without data.

    python examples/solve_without_data.py

-div(a grad u) = 1 on the unit square, u = 0 on its boundary, once with a = 1 and once with a
lognormal coefficient. The solution is a `Field` that vanishes on the boundary whatever its
weights. It is fitted by the energy of the equation and by its residual, both at random points, and
compared with the solver of the problem.
"""

import time

import jax
import jax.numpy as jnp

import riesz
from riesz.functions import Field, Function
from riesz.objectives import Residual
from riesz.problems import Darcy

PROBLEM = Darcy().smooth()
GRID = PROBLEM.discretization(128)


def solve(a: Function, kind: str, steps: int) -> tuple[Field, float]:
    """The fitted field and its relative L2 error against the reference solver."""
    start = Field.mlp(
        PROBLEM.output_space, width=32, depth=3, zero_boundary=True, key=jax.random.key(0)
    )
    equation = PROBLEM.equation(a)
    energy = lambda u, batch, key: equation.energy(u, key)  # noqa: E731
    fitted = riesz.fit(
        start,
        objective=energy if kind == "energy" else Residual(equation),
        steps=steps,
        key=jax.random.key(1),
        progress=False,
    )
    reference = PROBLEM.solve(a)
    error = fitted.model.on(GRID) - reference
    return fitted.model, float(error.norm() / reference.norm())


def main(steps: int = 1000) -> dict[tuple[str, str], float]:
    """The error of each equation and objective."""
    coefficients = {
        "Poisson": Function(jnp.ones((*GRID.shape, 1)), GRID, PROBLEM.input_space),
        "Darcy": PROBLEM.sample_input(GRID, key=jax.random.key(2)),
    }
    errors = {}
    for name, a in coefficients.items():
        for kind in ("energy", "residual"):
            start = time.monotonic()
            _, errors[name, kind] = solve(a, kind, steps)
            seconds = time.monotonic() - start
            print(f"{name:8} {kind:9} relative L2 {errors[name, kind]:.2%}, {seconds:.0f} s")
    return errors


if __name__ == "__main__":
    main()
