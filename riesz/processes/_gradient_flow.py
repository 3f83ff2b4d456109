"""Training of infinitely wide networks with any loss, with or without momentum."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.kernels import AbstractKernel
from riesz.processes._compiled import compiled
from riesz.processes._functionals import Inputs
from riesz.processes._inputs import inputs_of
from riesz.processes._process import On

# An error then says that the flow is too stiff, or too long, for an explicit method.
_MOST_STEPS = 2**20

Loss = Callable[[Float[Array, "n c"], Float[Array, "n c"]], Float[Array, ""]]


def gradient_flow(
    kernel: AbstractKernel,
    x: Inputs,
    y: Float[Array, "n c"],
    loss: Loss,
    times: Float[Array, " t"],
    *,
    initial: Float[Array, "n c"] | None = None,
    friction: float | None = None,
) -> "Flow":
    """Follow the outputs of an infinitely wide network while it is trained.

    df(x)/dt = -Theta(x, X) dL/df(X): outputs move by the tangent kernel, which stays constant
    (Jacot et al. 2018, arXiv:1806.07572, section 4). With `friction` g the weights have momentum,
    d^2f/dt^2 + g df/dt = -Theta dL/df, the continuous limit of heavy-ball descent with learning
    rate h^2 and momentum 1 - g h for small steps h of time.

    **Arguments:**

    - `kernel`: the tangent kernel, `network.kernel().ntk` or `riesz.kernels.TangentKernel(model)`.
    - `x`, `y`: n inputs and what the loss compares outputs with, shape (n, c).
    - `loss`: L(outputs, y), a number.
    - `times`: increasing, from 0 on.
    - `initial`: outputs at time 0 on x; zero when absent.
    - `friction`: positive, with momentum; None without.

    **Returns:** the flow at these times; `flow.outputs` on x, `flow.at(points)` elsewhere.

    ```python
    flow = gradient_flow(network.kernel().ntk, x, labels, logistic, jnp.linspace(0, 9, 10))
    ```
    """
    if friction is not None and not friction > 0:
        raise DataError(
            "friction is positive",
            where="gradient_flow(..., friction)",
            expected="a positive number, or None for descent without momentum",
            found=friction,
        )
    y = y.astype(x.dtype)
    start = jnp.zeros_like(y) if initial is None else initial.astype(x.dtype)
    return Flow(kernel, x, start, _follow(kernel, x, y, loss, times, start, friction))


class Flow(eqx.Module):
    """Outputs of an infinitely wide network in training.

    `pulls`, shape (t, n, c), are the integrals over time of dL/df, from which outputs follow at
    any point.
    """

    kernel: AbstractKernel
    x: Inputs
    initial: Float[Array, "n c"]
    pulls: Float[Array, "t n c"]

    @property
    def outputs(self) -> Float[Array, "t n c"]:
        """Outputs on the training inputs."""
        # f_0 - Theta P: (p, n) x (t, n, c) -> (t, p, c)
        return self.initial - jnp.einsum("pn,tnc->tpc", self.kernel(self.x), self.pulls)

    def at(self, on: On, initial: Float[Array, "p c"] | None = None) -> Float[Array, "t p c"]:
        """Outputs at other points, given those at time 0 there (zero when absent)."""
        cross = self.kernel(inputs_of(on, self.x.dtype), self.x)
        # Theta(x, X) P: (p, n) x (t, n, c) -> (t, p, c)
        change = jnp.einsum("pn,tnc->tpc", cross, self.pulls)
        return -change if initial is None else initial - change


@compiled
def _follow(
    kernel: AbstractKernel, x: Any, y: Any, loss: Loss, times: Any, start: Any, friction: Any
) -> Float[Array, "t n c"]:
    theta = kernel(x)
    # dL/df: (n, c)
    force = jax.grad(loss)

    # With P the integral of dL/df over time, f = start - theta P.
    def descent(t: Array, pull: Array, _: Any) -> Array:
        return force(start - theta @ pull, y)

    def heavy_ball(t: Array, state: tuple[Array, Array], _: Any) -> tuple[Array, Array]:
        # P'' + g P' = dL/df, as a system of P and P'
        pull, speed = state
        return speed, force(start - theta @ pull, y) - friction * speed

    rest = jnp.zeros_like(start)
    if friction is None:
        return _integrate(descent, rest, times.astype(x.dtype))
    return _integrate(heavy_ball, (rest, rest), times.astype(x.dtype))[0]


def _integrate(rate: Callable[..., Any], start: Any, times: Float[Array, " t"]) -> Any:
    """The states at these times, by the method of Tsitouras with steps by its error estimate."""
    import diffrax  # only here, since it takes as long to import as all of riesz

    # 4e-10 in float64, 7e-5 in float32
    tolerance = float(jnp.finfo(times.dtype).eps) ** 0.6
    with jax.numpy_dtype_promotion("standard"):  # diffrax mixes counters with floats
        return diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            diffrax.Tsit5(),
            times[0],
            times[-1],
            None,
            start,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=_MOST_STEPS,
        ).ys
