"""Integrals, inner products and norms, by the quadrature of the discretization."""

from math import prod
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization, AbstractProductDomain
from riesz.errors import DomainError

if TYPE_CHECKING:
    from riesz.functions._function import Function

Norm = Literal["L1", "L2", "Linf", "H1", "H-1"]


# compiled: outside jit every operation would be a program of its own
@jax.jit
def integral(
    values: Float[Array, "*shape c"], discretization: AbstractDiscretization
) -> Float[Array, " c"]:
    """Integral of each channel. Values at padded points do not enter, whatever they are."""
    return discretization.integral(values)


def average(
    values: Float[Array, "*shape c"], discretization: AbstractDiscretization
) -> Float[Array, " c"]:
    """The mean of each channel over the points that are present."""
    means = []
    for on, v in discretization.components(values):
        # sum_i w_i v_i / sum_i w_i, per channel
        weights = (on.weights / on.weights.sum()).astype(v.dtype)
        present = jnp.where((weights > 0)[..., None], v, 0)
        means.append(jnp.tensordot(weights, present, weights.ndim))
    return jnp.concatenate(means)


@jax.jit
def inner(
    first: Float[Array, "*shape c"],
    second: Float[Array, "*shape c"],
    discretization: AbstractDiscretization,
) -> Float[Array, ""]:
    """L2 inner product summed over channels."""
    return jnp.sum(discretization.inner(first, second))


def norm(
    values: Float[Array, "*shape c"], discretization: AbstractDiscretization, kind: Norm
) -> Float[Array, ""]:
    """The norm of the given kind over all channels."""
    if kind == "L1":
        # sum_c int |f_c|
        return jnp.sum(integral(jnp.abs(values), discretization))
    if kind == "L2":
        # (sum_c int f_c^2)^(1/2)
        return root(inner(values, values, discretization))
    if kind == "Linf":
        # max over c and x_i of |f_c(x_i)|
        present = (discretization.weights > 0)[..., None]
        return jnp.max(jnp.abs(values), initial=0, where=present)
    if kind == "H1":
        return root(sobolev_squared(values, discretization))
    if kind == "H-1":
        return _negative_sobolev(values, discretization)
    raise DomainError(
        "unknown norm",
        where="Function.norm(kind)",
        expected="L1, L2, Linf, H1 or H-1",
        found=repr(kind),
        repair="write for example f.norm('L2')",
    )


def root(square: Float[Array, ""]) -> Float[Array, ""]:
    """Square root with derivative zero at zero, where the norm has none."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), square)


def sobolev_squared(
    values: Float[Array, "*shape c"], discretization: AbstractDiscretization
) -> Float[Array, ""]:
    """|f|^2 + |grad f|^2, integrated."""
    energy = jnp.sum(discretization.energy(values, values))
    return inner(values, values, discretization) + energy


def _negative_sobolev(
    values: Float[Array, "*shape c"], discretization: AbstractDiscretization
) -> Float[Array, ""]:
    # reflections and translations leave the size of every Fourier coefficient as it is
    domain, grid = discretization.domain, discretization.grid
    torus = isinstance(domain, AbstractProductDomain) and all(domain.periodic)
    if grid is not discretization or not torus:
        raise DomainError(
            "the H-1 norm is defined here for functions on uniform grids of a torus",
            where='Function.norm("H-1")',
            expected="a Grid of a Torus",
            found=f"{type(discretization).__name__} on {discretization.domain}",
            repair="resample onto a Grid of a Torus, or use the L2 norm",
        )
    shape = discretization.shape
    # k = 2 pi j / L with integers j, (n,) per axis; |k|^2 on their product
    waves = [
        2 * np.pi / length * np.fft.fftfreq(n, 1 / n)
        for length, n in zip(domain.lengths, shape, strict=True)
    ]
    squared = sum(w**2 for w in np.meshgrid(*waves, indexing="ij"))
    # f_hat_k, the coefficients of exp(i k . x): |f|^2 = |domain| sum_k |f_hat_k|^2
    spectrum = jnp.fft.fftn(values, axes=range(len(shape))) / prod(shape)
    # |f|_{H-1}^2 = |domain| sum_k |f_hat_k|^2 / (1 + |k|^2)
    weight = jnp.asarray(domain.volume / (1 + squared), values.dtype)[..., None]
    power = jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2  # |z|^2 has no gradient at 0
    return root(jnp.sum(weight * power))


def relative_error(prediction: "Function", target: "Function", kind: Norm = "L2") -> Array:
    """|prediction - target| / |target| in one norm; the target must not vanish."""
    return (prediction - target).norm(kind) / target.norm(kind)
