"""The spectral convolution (Li et al. 2021, arXiv 2010.08895)."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz.domains import AbstractDiscretization, AbstractTensorGrid
from riesz.errors import DomainError, ModelError
from riesz.operators.layers._factorised import Factorised
from riesz.operators.layers._transforms import (
    BASES,
    AxisTransform,
    analyse,
    axis_transform,
    coefficient_shape,
    grid_transforms,
    mix_modes,
    scale_modes,
    synthesise,
)


class SpectralConvolution(eqx.Module):
    """(K v)(x) = sum_k R_k v_k phi_k(x), with v_k the coefficients of v in a basis phi_k.

    In the Fourier basis it is the integral of a kernel kappa(x - y) against v, and commutes with
    translations of periodic axes. Coefficients are quadrature sums over the nodes, so that the
    layer acts on any nodes and at any resolution; those that a grid does not resolve are zero.

    **Arguments:**

    - `modes`: highest mode kept along each axis, one for all or one per axis.
    - `size_in`, `size_out`: channels.
    - `dim`: number of axes.
    - `bases`: one for all axes or one per axis: `"fourier"`, on axes with ends with the period
      (1 + `padding`) times the axis; `"cosine"` for functions whose slope vanishes at the ends,
      `"sine"` for functions that vanish there, `"chebyshev"` for any.
    - `form`, `rank`: of the weights, see `Factorised`; `"separable"` has a number instead of a
      matrix R_k for each channel.
    - `gain`: standard deviation of the entries of R_k, times the root of `size_in`.

    **Raises:** `ModelError` for arguments that make no layer; `DomainError` when called away
    from a grid.

    ```python
    grid = Grid(Torus((0.0, 0.0), (1.0, 1.0)), 64)
    layer = SpectralConvolution(12, 32, 32, dim=2, key=key)
    w = layer(v, grid)       # (64, 64, 32) to (64, 64, 32)
    ```
    """

    modes: tuple[int, ...] = eqx.field(static=True)
    bases: tuple[str, ...] = eqx.field(static=True)
    padding: float = eqx.field(static=True)
    separable: bool = eqx.field(static=True)
    weight: Factorised

    def __init__(
        self,
        modes: int | Sequence[int],
        size_in: int,
        size_out: int,
        *,
        dim: int,
        bases: str | Sequence[str] = "fourier",
        padding: float = 0.25,
        form: str = "dense",
        rank: float = 1.0,
        gain: float = 0.5,
        key: PRNGKeyArray,
    ):
        self.modes = (modes,) * dim if isinstance(modes, int) else tuple(modes)
        self.bases = (bases,) * dim if isinstance(bases, str) else tuple(bases)
        self.padding = float(padding)
        if (
            len(self.modes) != dim
            or len(self.bases) != dim
            or min(*self.modes, size_in, size_out) < 1
            or padding < 0
            or not set(self.bases) <= set(BASES)
            or (form == "separable" and size_in != size_out)
        ):
            raise ModelError(
                "a spectral convolution needs modes and a basis for each axis, and padding >= 0",
                where="SpectralConvolution",
                expected=f"one number of modes, or {dim}; bases {', '.join(BASES)}; "
                "as many channels out as in where it is separable",
                found=f"modes={modes}, bases={bases}, padding={padding}, form={form!r}, "
                f"{size_in} to {size_out} channels",
            )
        self.separable = form == "separable"
        shape = coefficient_shape(self.modes, self.bases)
        columns = size_out * (2 if "fourier" in self.bases else 1)
        shape += (columns,) if self.separable else (size_in, columns)
        self.weight = Factorised(
            shape,
            "dense" if self.separable else form,
            rank,
            deviation=gain if self.separable else gain / size_in**0.5,
            key=key,
        )

    def __call__(
        self,
        v: Float[Array, "*n c_in"],
        on: AbstractDiscretization,
        transforms: tuple[AxisTransform, ...] | None = None,
    ) -> Float[Array, "*n c_out"]:
        transforms = self.transforms(on) if transforms is None else transforms
        a = analyse(known(v, on), transforms)
        product = scale_modes if self.separable else mix_modes
        return synthesise(product(a, self.weight.tensor()), transforms)

    def transforms(self, on: AbstractDiscretization) -> tuple[AxisTransform, ...]:
        """The expansion on a grid, which layers with the same modes and bases share."""
        return grid_transforms(require_grid(on), self.modes, self.bases, self.padding)


class AxisSpectralConvolution(eqx.Module):
    """K v = sum_i K_i v, each K_i a spectral convolution along one axis.

    The layer of the F-FNO (Tran et al. 2023, arXiv 2111.13802): weights grow with the sum of the
    modes over the axes, not with their product.

    **Arguments** and errors as of `SpectralConvolution`.
    """

    axes: tuple[SpectralConvolution, ...]

    def __init__(
        self,
        modes: int | Sequence[int],
        size_in: int,
        size_out: int,
        *,
        dim: int,
        bases: str | Sequence[str] = "fourier",
        padding: float = 0.25,
        gain: float = 0.5,
        key: PRNGKeyArray,
    ):
        modes = (modes,) * dim if isinstance(modes, int) else tuple(modes)
        bases = (bases,) * dim if isinstance(bases, str) else tuple(bases)
        each = gain / max(dim, 1) ** 0.5
        self.axes = tuple(
            SpectralConvolution(
                (m,), size_in, size_out, dim=1, bases=(b,), padding=padding, gain=each, key=k
            )
            for m, b, k in zip(modes, bases, split(key, dim), strict=True)
        )

    def __call__(
        self,
        v: Float[Array, "*n c_in"],
        on: AbstractDiscretization,
        transforms: tuple[AxisTransform, ...] | None = None,
    ) -> Float[Array, "*n c_out"]:
        transforms = self.transforms(on) if transforms is None else transforms
        v = known(v, on)
        out = []
        for i, (layer, transform) in enumerate(zip(self.axes, transforms, strict=True)):
            rows = jnp.moveaxis(v, i, 0)  # (n_i, others, c), of which one axis is transformed
            each = rows.reshape(len(rows), -1)
            a = (transform.analysis @ each).reshape(transform.parts, -1, *rows.shape[1:])
            a = mix_modes(a, layer.weight.tensor())
            u = transform.synthesis @ a.reshape(transform.synthesis.shape[1], -1)
            out.append(jnp.moveaxis(u.reshape(*rows.shape[:-1], -1), 0, i))
        return sum(out[1:], out[0])

    def transforms(self, on: AbstractDiscretization) -> tuple[AxisTransform, ...]:
        """The expansions along each axis of a grid."""
        grid = require_grid(on)
        return tuple(
            axis_transform(grid, i, layer.modes[0], layer.bases[0], layer.padding, half=True)
            for i, layer in enumerate(self.axes)
        )


def known(v: Float[Array, "*n c"], on: AbstractDiscretization) -> Float[Array, "*n c"]:
    """The values, 0 in holes, which then have no part in an integral."""
    return v if on.mask is None else on.present(v)


def require_grid(on: AbstractDiscretization) -> AbstractTensorGrid:
    """The grid on which a spectral layer acts."""
    if on.grid is None:
        raise DomainError(
            "a spectral convolution needs a function on a grid",
            where="SpectralConvolution(v, on)",
            expected="a Grid or MaskedGrid",
            found=repr(on),
            repair="resample the function first, f.resample(Grid(f.domain, 64))",
        )
    return on.grid
