"""Objectives of fields, of flows and of densities."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import DataError, RunError
from riesz.functions import Function, take
from riesz.learning._objective import AbstractObjective
from riesz.learning._samples import Stream, samples_of


class Residual(AbstractObjective):
    """Mean square of the residual of an equation at random points; needs no data.

    `residual(model, key)` draws points by the key and returns the residual at each of them, an
    array, or a dict of such arrays by name: the interior, the boundary, initial values. Then the
    value is the sum of their mean squares, each of which is recorded under its name.

    ```python
    def residual(field, key):                              # -u'' = 1 on [0, 1]
        x = jax.random.uniform(key, (64,))
        return jax.vmap(jax.grad(jax.grad(field)))(x) + 1.0

    fitted = riesz.fit(field, objective=Residual(residual), key=key)
    ```
    """

    residual: Callable[[Any, Any], Any]

    def __call__(self, model: Any, batch: None, key: PRNGKeyArray) -> Any:
        found = self.residual(model, key)
        if not isinstance(found, dict):
            return jnp.mean(found**2)
        # sum over parts of mean_i r_i^2
        parts = {name: jnp.mean(r**2) for name, r in found.items()}
        return sum(parts.values()), parts

    def check(self, model: Any, data: Any) -> None:
        if data is not None:
            raise RunError(
                "a residual needs no data",
                where="riesz.fit(model, data, Residual(residual))",
                expected="data=None",
                found=f"a {type(data).__name__}",
                repair="for data and equation together write a function of (model, batch, key)",
            )


class FlowMatching(AbstractObjective):
    """Mean over samples u_1 of |v(u_t, t) - (u_1 - u_0)|^2 / |domain|, u_t = (1 - t) u_0 + t u_1.

    Straight-line conditional flow matching (Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023,
    arXiv:2209.03003). u_0 is drawn from the noise at the points of u_1, t uniformly from [0, 1],
    both anew in each step. The model is the velocity v: `model(u, t)` is a function at the points
    of u. The flow of du/dt = v(u, t) takes the noise at t = 0 to the data at t = 1.

    - `noise`: a process, of which `sample(n, on=..., key=...)` is used.

    ```python
    noise = GaussianProcess(SquaredExponential(0.2))
    fitted = riesz.fit(velocity, functions, FlowMatching(noise), key=key)
    ```
    """

    noise: Any

    def __call__(self, model: Any, batch: Function, key: PRNGKeyArray) -> Float[Array, ""]:
        def one(end: Function, key: PRNGKeyArray) -> Array:
            noise_key, time_key = jax.random.split(key)
            # u_1 - u_0, the velocity of the straight line
            start = take(self.noise.sample(1, on=end.discretization, key=noise_key), 0)
            change = end - start
            t = jax.random.uniform(time_key, (), end.values.dtype)
            # v((1 - t) u_0 + t u_1, t) - (u_1 - u_0)
            error = model(start + change * t, t) - change
            # |error|^2 / |domain|
            volume = jnp.sum(end.discretization.weights).astype(t.dtype)
            return error.inner(error) / volume

        return jax.vmap(one)(batch, jax.random.split(key, batch.values.shape[0])).mean()

    def check(self, model: Any, data: Any) -> None:
        if isinstance(data, Stream) or isinstance(_first(data), Function):
            return
        raise DataError(
            "flow matching needs functions",
            where="riesz.fit(velocity, data, FlowMatching(noise))",
            expected="a batch of functions, or a riesz.Stream of them",
            found=f"a {type(data).__name__}",
            repair="make a batch of functions by riesz.functions.batch",
        )


class Likelihood(AbstractObjective):
    """The mean over samples of -log p(x), for a model with `log_density(x)`.

    `log_density` takes one sample, such as a Function or an array, and returns a scalar.

    ```python
    fitted = riesz.fit(density, samples, Likelihood(), key=key)
    ```
    """

    def __call__(self, model: Any, batch: Any, key: PRNGKeyArray) -> Float[Array, ""]:
        # -(1/n) sum_i log p(x_i)
        return -jax.vmap(model.log_density)(batch).mean()

    def check(self, model: Any, data: Any) -> None:
        if data is None or not hasattr(model, "log_density"):
            raise RunError(
                "a likelihood needs samples, and a model with a density",
                where="riesz.fit(model, data, Likelihood())",
                expected="a model with the method log_density(sample)",
                found=f"a {type(model).__name__} and data of type {type(data).__name__}",
                repair="give the model a method log_density, or use another objective",
            )


def _first(data: Any) -> Any:
    """A sample of the data, as a batch."""
    found = samples_of(data, "riesz.fit(model, data)")
    return None if found is None else found[:1]
