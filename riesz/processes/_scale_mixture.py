"""Gaussian processes whose overall scale is unknown."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.functions import Function
from riesz.processes._fields import fields_on
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._gaussian_process import GaussianProcess
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import NormalMixture
from riesz.processes._observations import AbstractObservation, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register

_NODES = 4001  # of the quadrature over the logarithm of the scale
_STEP = 0.02
_REACH = 40.0


@register
class ScaleMixture(AbstractProcess):
    """sqrt(v) f for a Gaussian process f and a random scale v > 0, independent of it.

    With the kernel of a wide network it is the limit of networks whose last layer has a random
    scale (Lee et al. 2021, arXiv:2107.01408, theorem 3.1): tails are heavier, and data decide on
    the scale. Given m observed values y with covariance K for v = 1,

        p(v | y) ~ p(v) v^(-m/2) exp(-y^T K^-1 y / (2 v)),

    a density of one number, computed by quadrature over log v; given v the process is Gaussian.
    Noise shares the scale: its standard deviation is sqrt(v) `noise`.

    **Arguments:**

    - `process`: a `GaussianProcess`, usually with mean zero.
    - `log_prior`: log p(v), up to a constant.

    An inverse gamma distribution has closed forms: `StudentTProcess`.

    ```python
    half_cauchy = lambda v: -jnp.log(v) / 2 - jnp.log1p(v)      # of sqrt(v)
    ScaleMixture(GaussianProcess(kernel), half_cauchy).condition(Values(x, y, noise=0.1))
    ```
    """

    process: GaussianProcess | GaussianPosterior
    log_prior: Callable[[Array], Array] = eqx.field(static=True)
    nodes: Float[Array, " nodes"]
    weights: Float[Array, " nodes"]

    def __init__(
        self,
        process: GaussianProcess | GaussianPosterior,
        log_prior: Callable[[Array], Array],
    ):
        self.process, self.log_prior = process, log_prior
        values, quadratic = seen(process)
        self.nodes, self.weights, _ = _posterior(log_prior, values, quadratic)

    @property
    def exact(self) -> bool:
        """True, by quadrature over the scale, if the Gaussian process has an exact solver."""
        return self.process.exact

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "ScaleMixture":
        return ScaleMixture(self.process.condition(as_sequence(observations)), self.log_prior)

    def marginal(self, *, on: On, joint: bool = False) -> NormalMixture:
        """The distribution; its variance is infinite where the scale has no mean."""
        marginal = self.process.marginal(on=on, joint=joint)
        parts = {"mean": marginal.mean, "scale": marginal.variance, "joint": marginal.joint}
        return NormalMixture(nodes=self.nodes, weights=self.weights, **parts)

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        require_key(key, "ScaleMixture.sample(n, on=..., key=...)")
        first, second = jax.random.split(key)
        # v = nodes_i with probability weights_i
        chosen = jax.random.choice(first, self.nodes, (n,), p=self.weights)
        return rescaled(self.process, chosen, on, second)

    def log_density(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> Float[Array, ""]:
        """The log density of the observed values.

        With m values of density N(y; 0, v K) given v it is the Gaussian one for v = 1, plus
        q / 2 + log int p(v) v^(-m / 2) exp(-q / (2 v)) dv, q = y^T K^-1 y.
        """
        listed = as_sequence(observations)
        values, before = seen(self.process)
        total, after = seen(self.process.condition(listed))
        # log int p(v) v^(-m / 2) exp(-q / (2 v)) dv after less before
        ends = ((values, before), (total, after))  # the former divides by int p(v) dv at first
        known, gained = (_posterior(self.log_prior, *end)[2] for end in ends)
        gain = gained - known
        # the Gaussian density at v = 1 has the factor exp(-(q_after - q_before) / 2)
        return self.process.log_density(listed) + (after - before) / 2 + gain


def seen(process: GaussianProcess | GaussianPosterior) -> tuple[float, Float[Array, ""]]:
    """How many values were observed, and their quadratic form y^T K^-1 y."""
    if isinstance(process, GaussianProcess):
        return 0.0, jnp.zeros(())
    count = sum(o.values.size for o in process.observations)
    return float(count), process.solution.quadratic


def rescaled(
    process: GaussianProcess | GaussianPosterior,
    scales: Float[Array, " n"],
    on: On,
    key: PRNGKeyArray,
) -> Function | Float[Array, "n points channels"]:
    """One draw for each scale: the mean plus sqrt(v) times a centred draw."""
    x = inputs_of(on)
    draws = process.sample(len(scales), on=x, key=key)
    mean = process.marginal(on=x).mean
    root = jnp.sqrt(scales).astype(draws.dtype)[:, None, None]
    return fields_on(mean + root * (draws - mean), on)


def _posterior(
    log_prior: Callable[[Array], Array], values: float, quadratic: Float[Array, ""]
) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"], Float[Array, ""]]:
    """Nodes and weights of v given the data, and log int p(v) v^(-m/2) exp(-q / (2 v)) dv.

    The trapezoidal rule over log v, whose error falls exponentially with the step, on nodes about
    the mode: its width is about sqrt(2 / m).
    """

    def logarithm(u: Array) -> Any:
        # u = log v, dv = v du
        v = jnp.exp(u)
        return log_prior(v) + u - values / 2 * u - quadratic / 2 / v

    coarse = jnp.linspace(-_REACH, _REACH, _NODES).astype(quadratic.dtype)
    mode = coarse[jnp.argmax(logarithm(coarse))]
    # 0.2 of about the width of the mode, (1 + m / 2)^(-1/2)
    step = min(_STEP, 0.2 / (1 + values / 2) ** 0.5)
    u = mode + step * jnp.arange(-(_NODES // 2), _NODES // 2 + 1).astype(quadratic.dtype)
    # at the largest step the coarse nodes are as dense
    u = u if step < _STEP else coarse
    # int exp(height) du = du sum_i exp(height_i), with nothing at the ends
    height = logarithm(u)
    total = jax.scipy.special.logsumexp(height)
    return jnp.exp(u), jnp.exp(height - total), total + jnp.log(u[1] - u[0])
