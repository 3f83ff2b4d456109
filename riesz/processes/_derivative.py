"""The derivative of a Gaussian process, which is a process."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import Array, Float

from riesz._core.tracing import traced
from riesz.errors import DataError
from riesz.processes._draws import draw_normal, root_of
from riesz.processes._fields import Fields, field_on, fields_on
from riesz.processes._functionals import Inputs
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import Normal
from riesz.processes._observations import Derivatives, Values, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._smoothness import require_derivative

if TYPE_CHECKING:
    from riesz.processes._gaussian_posterior import GaussianPosterior
    from riesz.processes._gaussian_process import GaussianProcess

    Gaussian = GaussianProcess | GaussianPosterior
else:
    Gaussian = Any


@register
class DerivativeProcess(AbstractProcess):
    """df/dx_axis for a Gaussian process f, made by `derivative(axis)` of f.

    It is Gaussian, with mean dm/dx_axis and covariance d^2 k(x, y) / dx_axis dy_axis, both by
    automatic differentiation (Rasmussen and Williams 2006, section 9.4). A value of it that is
    observed is one of `Derivatives` of f: the `process` is f, given it.

    **Raises:** `DataError` where it is evaluated, for a kernel with a kink, whose process has no
    derivative, and for inputs that are no points of R^d.

    ```python
    posterior = GaussianProcess(Matern(2.5, 0.3)).condition(Values(x, y, noise=0.1))
    slope = posterior.derivative(0).marginal(on=grid)
    ```
    """

    process: Gaussian
    axis: int = eqx.field(static=True)

    @property
    def exact(self) -> bool:
        """As that of f is."""
        return self.process.exact

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        """Independent draws, by an eigendecomposition: O(points^3) work."""
        require_key(key, "DerivativeProcess.sample(n, on=..., key=...)")
        mean, _, covariance = self.process.moments(self._inputs(on), self.axis, True)
        return fields_on(draw_normal(mean, root_of(covariance), n, key), on)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        mean, variance, covariance = self.process.moments(self._inputs(on), self.axis, joint)
        return Normal(field_on(mean, on), field_on(variance, on), covariance)

    def condition(self, observations: Any | Sequence[Any]) -> "DerivativeProcess":
        """Given values of the derivative. Other observations are made of f itself.

        **Raises:** `DataError` for observations that are no `Values`.
        """
        return DerivativeProcess(self.process.condition(self._of_function(observations)), self.axis)

    def log_density(self, observations: Any | Sequence[Any]) -> Float[Array, ""]:
        """The log density of observed values of the derivative."""
        return self.process.log_density(self._of_function(observations))

    def _of_function(self, observations: Any) -> list[Derivatives]:
        listed = as_sequence(observations)
        if not all(isinstance(o, Values) for o in listed):
            raise DataError(
                "the derivative of a process is given its values",
                where="DerivativeProcess.condition(observations)",
                expected="Values, or a sequence of them",
                found=", ".join(type(o).__name__ for o in listed),
                repair="condition the process itself, then take its derivative(axis)",
            )
        return [Derivatives(o.points, o.values, self.axis, o.noise) for o in listed]  # pyright: ignore[reportAttributeAccessIssue]

    def _inputs(self, on: On) -> Inputs:
        x = inputs_of(on)
        if x.ndim != 2 or not 0 <= self.axis < x.shape[1]:
            raise DataError(
                "a derivative is taken along an axis of points of R^d",
                where=f"derivative({self.axis})",
                expected="points of shape (n, d) and 0 <= axis < d",
                found=f"points of shape {x.shape}, axis={self.axis}",
            )
        if not traced(x, self.process):
            prior: Any = getattr(self.process, "prior", self.process)
            require_derivative(prior.kernel, x, self.axis, f"derivative({self.axis})")
        return x
