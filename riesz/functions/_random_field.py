"""Gaussian random fields by their Karhunen-Loeve expansion."""

from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDiscretization, Grid, MovedGrid, Space
from riesz.errors import DataError, DomainError
from riesz.functions._covariances import AbstractCovariance
from riesz.functions._function import Function
from riesz.functions._modes import WAVES, AxisModes, Boundary, axis_modes

# Bits of an axis's mode number in a mode's 32-bit number.
_BITS = {1: 32, 2: 16, 3: 10}


class RandomField(eqx.Module):
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
    covariance: AbstractCovariance
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

    def sample(self, discretization: AbstractDiscretization, *, key: PRNGKeyArray) -> Function:
        """One draw. Runs under jit and vmap; a batch is `jax.vmap` over keys."""
        if discretization.domain != self.space.domain:
            raise DomainError(
                "the field and the discretization have different domains",
                where="RandomField.sample",
                expected=str(self.space.domain),
                found=str(discretization.domain),
                repair="make the discretization on the domain of the field's space",
            )
        grid = discretization.base if isinstance(discretization, MovedGrid) else discretization
        modes = self._modes(grid)
        channels = jnp.arange(self.space.channels)
        keys = jax.vmap(lambda c: jax.random.fold_in(key, c))(channels)
        scale = self._scale(modes)
        draw = jax.vmap(lambda k: scale * _normals(k, _numbers(modes)))
        coefficients = jnp.moveaxis(draw(keys), 0, -1)
        if isinstance(discretization, Grid):
            values = coefficients
            for i, (axis, mode) in enumerate(zip(discretization.axes, modes, strict=True)):
                values = jnp.moveaxis(mode.synthesise(jnp.moveaxis(values, i, 0), axis), 0, i)
        elif isinstance(discretization, MovedGrid):
            values = coefficients
            for i, (x, mode) in enumerate(zip(discretization.axis_coordinates, modes, strict=True)):
                moved = mode.basis(x.astype(values.dtype)) @ jnp.moveaxis(values, i, -2)
                values = jnp.moveaxis(moved, -2, i)
        else:
            flat = discretization.coordinates.reshape(-1, self.space.domain.dim)
            values = _at_points(coefficients, modes, flat.astype(coefficients.dtype))
            values = values.reshape(*discretization.shape, -1)
        return Function(values, discretization, self.space)

    def _modes(self, grid: AbstractDiscretization) -> tuple[AxisModes, ...]:
        domain = self.space.domain
        axes = grid.axes if isinstance(grid, Grid) else (None,) * domain.dim
        out = []
        for lower, upper, circle, axis in zip(
            domain.lower, domain.upper, domain.periodic, axes, strict=True
        ):
            boundary = "periodic" if circle else self.boundary
            out.append(axis_modes(lower, upper, boundary, self.waves, axis, WAVES[domain.dim]))
        limit = 2 ** _BITS[domain.dim]
        if any(2 * mode.waves >= limit for mode in out):
            raise DomainError(
                "the grid is too fine for a random field in this dimension",
                where="RandomField.sample",
                expected=f"wave numbers below {limit // 2} along every axis",
                found=f"{[mode.waves for mode in out]}",
                repair="give random_field(..., waves=) a smaller number of waves",
            )
        return tuple(out)

    def _scale(self, modes: tuple[AxisModes, ...]) -> Float[Array, "..."]:
        squares = [mode.frequencies**2 for mode in modes]
        squared = reduce(lambda a, b: a[..., None] + b, squares)
        volume = np.prod([mode.measure for mode in modes])
        spectrum = self.covariance.spectrum(jnp.asarray(squared), self.space.domain.dim)
        return jnp.sqrt(spectrum / volume)


def random_field(
    space: Space,
    covariance: AbstractCovariance,
    boundary: Boundary = "free",
    waves: int | None = None,
) -> RandomField:
    """A Gaussian random field on a space, with mean zero.

    **Arguments:**

    - `space`: the domain, and as many independent channels.
    - `covariance`: `SquaredExponential`, `Matern` or `PowerSpectrum`.
    - `boundary`: conditions on the axes with ends; periodic axes are always periodic.
      `"free"`: none: the stationary field on a circle of twice the length is cut in half, which
      has the covariance of R^d when that has decayed at one length. `"neumann"`: cosine modes,
      slope zero at the ends. `"dirichlet"`: sine modes, zero at the ends. `"periodic"`: the
      ends are identified. Neumann and Dirichlet fields are not stationary next to the ends.
    - `waves`: the highest wave number of an axis; by default what the grid resolves.

    ```python
    field = random_field(Space(Torus(0, 1)), PowerSpectrum(625.0, 5.0, 2.0))
    coarse = field.sample(Grid(Torus(0, 1), 64), key=key)
    fine = field.sample(Grid(Torus(0, 1), 256), key=key)     # the same function, more modes
    ```
    """
    return RandomField(space, covariance, boundary, waves)


def _numbers(modes: tuple[AxisModes, ...]) -> np.ndarray:
    bits = _BITS[len(modes)]
    parts = [mode.numbers.astype(np.uint32) for mode in modes]
    return reduce(lambda a, b: (a[..., None] << np.uint32(bits)) | b, parts)


def _normals(key: PRNGKeyArray, numbers: np.ndarray) -> Float[Array, "*modes"]:
    each = jax.vmap(lambda number: jax.random.normal(jax.random.fold_in(key, number)))
    return each(jnp.asarray(numbers.ravel())).reshape(numbers.shape)


def _at_points(
    coefficients: Any, modes: tuple[AxisModes, ...], points: Float[Array, "p d"]
) -> Float[Array, "p c"]:
    *rest, last = [mode.basis(points[:, i]) for i, mode in enumerate(modes)]
    out = jnp.einsum("pm,...mc->p...c", last, coefficients)
    for basis in reversed(rest):
        out = jnp.einsum("pm,p...mc->p...c", basis, out)
    return out
