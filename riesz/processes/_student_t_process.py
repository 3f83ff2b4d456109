"""The Student-t process."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.functions import Function
from riesz.kernels import AbstractKernel
from riesz.processes._fields import map_field
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._gaussian_process import GaussianProcess
from riesz.processes._inputs import require_key
from riesz.processes._marginals import StudentT
from riesz.processes._observations import AbstractObservation, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._scale_mixture import rescaled, seen

Scalar = float | Float[Array, ""]


@register
class StudentTProcess(AbstractProcess):
    """sqrt(v) f for a Gaussian process f with kernel k and v ~ InverseGamma(shape, scale).

    The limit of wide networks whose last layer has a random variance (Lee et al. 2021,
    arXiv:2107.01408): values at points follow a multivariate Student-t distribution with 2 `shape`
    degrees of freedom and scale matrix (scale / shape) K. Given m observed values y, the shape is
    a + m / 2, the scale b + y^T K^-1 y / 2, and the Gaussian process is conditioned as usual.
    Noise shares the scale: its standard deviation is sqrt(v) `noise`.

    **Arguments:**

    - `process`: a `GaussianProcess`, or a kernel for one with mean zero.
    - `shape`, `scale`: positive; the variance of values is k scale / (shape - 1) for shape > 1.

    ```python
    StudentTProcess(network.kernel().nngp, shape=2.0, scale=2.0).condition(Values(x, y, 0.1))
    ```
    """

    process: GaussianProcess | GaussianPosterior
    shape: Scalar
    scale: Scalar

    def __init__(
        self,
        process: AbstractKernel | GaussianProcess | GaussianPosterior,
        shape: Scalar,
        scale: Scalar,
    ):
        is_kernel = isinstance(process, AbstractKernel)
        self.process = GaussianProcess(process) if is_kernel else process
        self.shape, self.scale = shape, scale

    def __check_init__(self):
        for name in ("shape", "scale"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not 0 < value < float("inf"):
                raise DataError(
                    f"the {name} of an inverse gamma distribution is positive",
                    where="StudentTProcess(process, shape, scale)",
                    expected=f"{name} > 0",
                    found=value,
                )

    @property
    def exact(self) -> bool:
        """True, if the Gaussian process has an exact solver."""
        return self.process.exact

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "StudentTProcess":
        posterior = self.process.condition(as_sequence(observations))
        return StudentTProcess(posterior, self.shape, self.scale)

    def marginal(self, *, on: On, joint: bool = False) -> StudentT:
        marginal = self.process.marginal(on=on, joint=joint)
        shape, scale = self._updated()
        ratio = scale / shape
        spread = map_field(lambda v: ratio.astype(v.dtype) * v, marginal.variance)
        covariance = (
            None if marginal.joint is None else ratio.astype(marginal.joint.dtype) * marginal.joint
        )
        parts = {"mean": marginal.mean, "scale": spread, "joint": covariance}
        return StudentT(degrees=2 * shape, **parts)

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        require_key(key, "StudentTProcess.sample(n, on=..., key=...)")
        first, second = jax.random.split(key)
        shape, scale = self._updated()
        # b / Gamma(a, 1) ~ InverseGamma(a, b)
        return rescaled(self.process, scale / jax.random.gamma(first, shape, (n,)), on, second)

    def log_density(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> Float[Array, ""]:
        """The log density of the observed values.

        The Gaussian one for v = 1, plus q / 2 and the logarithm of the ratio of the constants
        Gamma(shape) / scale^shape of v after and before, q what y^T K^-1 y grows by.
        """
        listed = as_sequence(observations)
        posterior = self.condition(listed)
        (before, b), (after, c) = self._updated(), posterior._updated()
        growth = seen(posterior.process)[1] - seen(self.process)[1]
        # log [Gamma(a') / b'^a'] - log [Gamma(a) / b^a]
        gain = gammaln(after) - gammaln(before) + before * jnp.log(b) - after * jnp.log(c)
        return self.process.log_density(listed) + growth / 2 + gain

    def _updated(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Shape and scale of the distribution of v given what was observed."""
        count, quadratic = seen(self.process)
        shape, scale = (jnp.asarray(p, quadratic.dtype) for p in (self.shape, self.scale))
        return shape + count / 2, scale + quadratic / 2
