"""Gaussian random fields by their Karhunen-Loeve expansion."""

from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DataError, DomainError
from riesz.functions import Function
from riesz.kernels import AbstractFeatures, AbstractKernel, AbstractSpectrum, FeatureKernel
from riesz.processes._compiled import compiled
from riesz.processes._fields import field_on
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._gaussian_process import GaussianProcess
from riesz.processes._inputs import inputs_of, require_key
from riesz.processes._marginals import Normal
from riesz.processes._modal_sums import at_points, normals, require_numbered, synthesise
from riesz.processes._modes import WAVES, AxisModes, Boundary, axis_modes
from riesz.processes._process import AbstractProcess, On, RandomKey, register


@register
class RandomField(AbstractProcess):
    """A Gaussian random field with mean zero and a stationary covariance.

    f = sum_k sqrt(S(w_k)) xi_k phi_k over L2-normalised trigonometric modes phi_k with
    frequencies w_k, S being the spectral density and xi_k independent standard normals. Modes
    are products of the modes of the axes; channels are independent.

    xi_k is drawn from the key and from the number of the mode alone: **the same key gives the
    same function on every discretization**, and refining a grid only adds modes. (Draws in
    float32 and in float64 differ.) Kept are

    - on equispaced nodes the modes below the Nyquist frequency, summed by FFT;
    - on Chebyshev nodes and scattered points wave numbers up to 256, 64 or 16 an axis in 1, 2
      or 3 dimensions, summed directly;
    - with `waves=K` exactly wave numbers up to K on every axis and discretization, so that
      rough fields too are pointwise the same on all of them.

    Made by `random_field`.
    """

    space: Space = eqx.field(static=True)
    covariance: AbstractSpectrum
    boundary: Boundary = eqx.field(static=True)
    waves: int | None = eqx.field(static=True)

    def __check_init__(self):
        if self.boundary not in ("periodic", "dirichlet", "neumann", "free"):
            raise DomainError(
                "unknown boundary condition of a random field",
                where="random_field(space, covariance, boundary)",
                expected="periodic, dirichlet, neumann or free",
                found=repr(self.boundary),
            )
        if self.waves is not None and self.waves < 1:
            raise DataError(
                "a random field needs at least one wave",
                where="random_field(..., waves)",
                expected="waves >= 1, or None for all that a grid resolves",
                found=self.waves,
            )

    @property
    def exact(self) -> bool:
        """True: it is that of a Gaussian process."""
        return True

    @property
    def pathwise(self) -> bool:
        return True

    def draw(self, on: AbstractDiscretization, *, key: PRNGKeyArray) -> Function:
        return Function(self._values(on, key), on, self.space)

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        """Independent draws: `draw` with each of `jax.random.split(key, n)`."""
        require_key(key, "RandomField.sample(n, on=..., key=...)")
        return _sample(self, jax.random.split(key, n), on)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        """The distribution of draws at these points."""
        modes, x = self._modes(on), self._points(on)
        scale = self._scale(modes)
        # Var f(x) = sum_k S(w_k) / volume prod_i phi_{k_i}(x_i)^2
        squares = [mode.basis(x[:, i].astype(scale.dtype)) ** 2 for i, mode in enumerate(modes)]
        variance = at_points(scale[..., None] ** 2, squares).astype(x.dtype)
        variance = jnp.broadcast_to(variance, (len(x), self.space.channels))
        covariance = FeatureKernel(_ModeFeatures(self, modes))(x) if joint else None
        fields = (field_on(values, on) for values in (jnp.zeros_like(variance), variance))
        return Normal(*fields, joint=covariance)

    def condition(self, observations: Any) -> GaussianPosterior:
        """The Gaussian process of `kernel`, given observations."""
        return self._process().condition(observations)

    def log_density(self, observations: Any) -> Float[Array, ""]:
        """The log density of the observed values."""
        return self._process().log_density(observations)

    def _process(self) -> GaussianProcess:
        return GaussianProcess(self.kernel, channels=self.space.channels)

    @property
    def kernel(self) -> AbstractKernel:
        """The covariance of values at any points: that of the modes kept on scattered points."""
        return FeatureKernel(_ModeFeatures(self, self._modes(None)))

    def _values(self, on: On, key: RandomKey) -> Float[Array, "..."]:
        modes = self._modes(on)
        channels = jnp.arange(self.space.channels)
        keys = jax.vmap(lambda c: jax.random.fold_in(key, c))(channels)
        scale = self._scale(modes)
        # sqrt(S(w_k) / volume) xi_k: (*modes, c)
        coefficients = jnp.moveaxis(jax.vmap(lambda k: scale * normals(k, modes))(keys), 0, -1)
        where = on if isinstance(on, AbstractDiscretization) else self._points(on)
        return synthesise(coefficients, modes, where)

    def _points(self, on: On) -> Float[Array, "p d"]:
        points = inputs_of(on)
        if points.ndim != 2 or points.shape[1] != self.space.domain.dim:
            raise DomainError(
                "points of another dimension than the domain of the field",
                where="RandomField.sample(n, on=points)",
                expected=f"shape (points, {self.space.domain.dim})",
                found=f"shape {points.shape}",
                repair="put one point per row: points[:, None] on a line",
            )
        return points

    def _modes(self, on: On | None) -> tuple[AxisModes, ...]:
        domain = self.space.domain
        known = isinstance(on, AbstractDiscretization)
        if known and on.domain != domain:
            raise DomainError(
                "the field and the discretization have different domains",
                where="RandomField.sample",
                expected=str(domain),
                found=str(on.domain),
                repair="make the discretization on the domain of the field's space",
            )
        grid = on.grid if known and on.mask is None else None
        axes = (None,) * domain.dim if grid is None else grid.unmoved[0].axes
        out = []
        for lower, upper, circle, axis in zip(
            domain.lower, domain.upper, domain.periodic, axes, strict=True
        ):
            boundary = "periodic" if circle else self.boundary
            out.append(axis_modes(lower, upper, boundary, self.waves, axis, WAVES[domain.dim]))
        require_numbered(tuple(out))
        return tuple(out)

    def _scale(self, modes: tuple[AxisModes, ...]) -> Float[Array, "*modes"]:
        squares = [mode.frequencies**2 for mode in modes]
        # |w|^2 = sum_i w_i^2: (*modes,)
        squared = reduce(lambda a, b: a[..., None] + b, squares)
        # modes of mean square 1, over sqrt(volume), are L2-normalised
        volume = np.prod([mode.measure for mode in modes])
        spectrum = self.covariance.spectrum(jnp.asarray(squared), self.space.domain.dim)
        return jnp.sqrt(spectrum / volume)


class _ModeFeatures(AbstractFeatures):
    """The modes of a field at points, times the square roots of their variances."""

    field: RandomField
    modes: tuple[AxisModes, ...]

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n modes"]:
        scale = self.field._scale(self.modes).astype(x.dtype)
        # sqrt(S(w_k) / volume) prod_i phi_{k_i}(x_i): (n, modes)
        bases = [mode.basis(x[:, i]) for i, mode in enumerate(self.modes)]
        # outer product at each point: (modes_1,), ..., (modes_d,) -> (*modes,)
        products = jax.vmap(lambda *rows: reduce(lambda a, b: a[..., None] * b, rows))(*bases)
        return (products * scale).reshape(len(x), -1)


@compiled
def _sample(field: RandomField, keys: Key[Array, " n"], on: On) -> Any:
    if isinstance(on, AbstractDiscretization):
        return jax.vmap(lambda key: field.draw(on, key=key))(keys)
    return jax.vmap(lambda key: field._values(on, key))(keys)


def random_field(
    space: Space,
    covariance: AbstractSpectrum,
    boundary: Boundary = "free",
    waves: int | None = None,
) -> RandomField:
    """A Gaussian random field on a space, with mean zero.

    **Arguments:**

    - `space`: the domain, and as many independent channels.
    - `covariance`: a stationary kernel of `riesz.kernels` with one length scale, such as
      `Matern`, or a `PowerSpectrum`.
    - `boundary`: conditions on the axes with ends; periodic axes are always periodic.
      `"free"`: none: the stationary field on a circle of twice the length is cut in half, which
      has the covariance of R^d when that has decayed at one length. `"neumann"`: cosine modes,
      slope zero at the ends. `"dirichlet"`: sine modes, zero at the ends. `"periodic"`: the
      ends are identified. Neumann and Dirichlet fields are not stationary next to the ends.
    - `waves`: the highest wave number of an axis; by default what the grid resolves.

    ```python
    field = random_field(Space(Torus(0, 1)), PowerSpectrum(625.0, 5.0, 2.0))
    coarse = field.draw(Grid(Torus(0, 1), 64), key=key)
    fine = field.draw(Grid(Torus(0, 1), 256), key=key)       # the same function, more modes
    several = field.sample(8, on=Grid(Torus(0, 1), 64), key=key)
    ```
    """
    return RandomField(space, covariance, boundary, waves)
