"""A process of functions learned by flow matching, beside the closed form.

    python examples/flow_on_fields.py

The data are draws of a Gaussian field on a circle, the noise those of a rougher one. A Fourier
neural operator learns the velocity that takes the noise to the data. Covariances of its samples,
and its answer to five noisy values, are compared with those of the field itself.
"""

import jax
import jax.numpy as jnp
import numpy as np

import riesz
from riesz.domains import Grid, Space, Torus
from riesz.kernels import Matern
from riesz.operators import FNO
from riesz.processes import FlowProcess, Values, random_field

CIRCLE = Torus(0.0, 1.0)
SPACE, GRID = Space(CIRCLE), Grid(CIRCLE, 32)
FIELD = random_field(SPACE, Matern(smoothness=2.5, length_scale=0.15), waves=12)
NOISE = random_field(SPACE, Matern(smoothness=0.5, length_scale=0.03), waves=12)


def covariance_error(process: FlowProcess, exact: np.ndarray) -> float:
    """The error of the covariance of samples on the grid, relative in the Frobenius norm."""
    found = np.asarray(process.marginal(on=GRID, joint=True).covariance)[:, 0, :, 0]
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def main(n: int = 2048, steps: int = 2000) -> dict[str, float]:
    """Errors of covariances before and after the fit, and of the conditional distribution."""
    keys = jax.random.split(jax.random.key(0), 5)
    functions = jax.vmap(lambda key: FIELD.draw(GRID, key=key))(jax.random.split(keys[0], n))
    velocity = FNO(
        Space(CIRCLE, 2), SPACE, modes=12, width=16, layers=2, coordinates=False, key=keys[1]
    )
    start = FlowProcess(NOISE, velocity, GRID, draws=4096)
    fitted = riesz.fit(start, functions, steps=steps, weight_decay=0.0, key=keys[2]).model
    exact = np.asarray(FIELD.marginal(on=GRID, joint=True).covariance)
    noise = np.asarray(NOISE.marginal(on=GRID, joint=True).covariance)
    given = np.cov(np.asarray(functions.values)[..., 0].T)
    errors = {
        "data": float(np.linalg.norm(given - exact) / np.linalg.norm(exact)),
        "noise": float(np.linalg.norm(noise - exact) / np.linalg.norm(exact)),
        "fitted": covariance_error(fitted, exact),
    }
    # five values of another draw, with noise of deviation 0.1
    target = FIELD.draw(GRID, key=keys[3])
    places = np.array([[0.05], [0.2], [0.5], [0.55], [0.8]])
    seen = target.at(places) + 0.1 * jax.random.normal(keys[4], (5, 1))
    values = Values(places, seen, noise=0.1)
    found = fitted.condition(values).marginal(on=GRID)
    best = FIELD.condition(values).marginal(on=GRID)
    errors["mean"] = float((found.mean - best.mean).norm() / best.mean.norm())
    ratio = found.standard_deviation.values / best.standard_deviation.values
    errors["deviation"] = float(jnp.abs(ratio - 1).max())
    lower, upper = found.interval(0.9)
    inside = (lower.values <= target.values) & (target.values <= upper.values)
    errors["inside"] = float(inside.mean())
    print(
        f"covariance: {errors['noise']:.0%} off before, {errors['fitted']:.1%} after the fit, "
        f"{errors['data']:.1%} that of the data"
    )
    print(f"given five values: mean {errors['mean']:.1%} off, deviations {errors['deviation']:.0%}")
    print(f"{errors['inside']:.0%} of the function lie within its 90% intervals")
    return errors


if __name__ == "__main__":
    main()
