"""Poisson's and Darcy's equation solved by a network, without data.

    python examples/solve_without_data.py

-div(a grad u) = 1 on the unit square, u = 0 on its boundary, once with a = 1 and once with a
lognormal coefficient. The solution is a `Field` that vanishes on the boundary whatever its
weights. It is fitted by the energy of the equation and by its residual, both at random points, and
compared with the solver of the problem.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

import riesz
from riesz.functions import Field, Function
from riesz.objectives import Residual
from riesz.problems import Darcy

CELLS = 20  # per axis, with one random point in each in every step
PROBLEM = Darcy(law="lognormal")
GRID = PROBLEM.grid(128)


def random_points(key: PRNGKeyArray) -> Float[Array, "p 2"]:
    """One point in each cell of the square, which integrates with less noise than p free ones."""
    corners = jnp.stack(jnp.meshgrid(*[jnp.arange(CELLS)] * 2), -1).reshape(-1, 2)
    return (corners + jax.random.uniform(key, corners.shape)) / CELLS


def energy(a: Function) -> Callable[[Field, None, PRNGKeyArray], Float[Array, ""]]:
    """E(u) = int a |grad u|^2 / 2 - u, which the solution makes least (the Ritz method)."""

    def objective(u: Field, batch: None, key: PRNGKeyArray) -> Float[Array, ""]:
        x = random_points(key)
        slopes = u.gradient().at(x)
        return jnp.mean(a.at(x) * jnp.sum(slopes**2, 1, keepdims=True) / 2 - u.at(x))

    return objective


def residual(a: Function) -> Residual:
    """The mean square of Laplace u + grad(log a) . grad u + 1 / a, the equation divided by a."""
    logarithm = Function(jnp.log(a.values), a.discretization)
    slope = logarithm.gradient()

    def at_points(u: Field, key: PRNGKeyArray) -> Float[Array, "p 1"]:
        x = random_points(key)
        flux = jnp.sum(slope.at(x) * u.gradient().at(x), 1, keepdims=True)
        return u.laplacian().at(x) + flux + jnp.exp(-logarithm.at(x))

    return Residual(at_points)


def solve(a: Function, kind: str, steps: int) -> tuple[Field, float]:
    """The fitted field and its relative L2 error against the reference solver."""
    start = Field.mlp(
        PROBLEM.output_space, width=32, depth=3, zero_boundary=True, key=jax.random.key(0)
    )
    objective = energy(a) if kind == "energy" else residual(a)
    fitted = riesz.fit(
        start, objective=objective, steps=steps, key=jax.random.key(1), progress=False
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
