"""The contract of a kernel.

A new kernel joins every check by one line in `KERNEL_INSTANCES`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz._core.parameters import FROZEN, as_traced, kinds
from riesz.kernels import (
    AbstractKernel,
    Brownian,
    Columns,
    Constant,
    FeatureKernel,
    FourierFeatures,
    Gibbs,
    Linear,
    Matern,
    NystromFeatures,
    Periodic,
    Polynomial,
    RationalQuadratic,
    SquaredExponential,
    Stretched,
    Tensor,
    Warped,
    White,
    matvec,
)
from riesz.kernels.internal import by_tiles
from riesz.testing._saving import comes_back


class KernelCase(NamedTuple):
    """A kernel, and inputs `(n, *features)` to try it on."""

    kernel: AbstractKernel
    inputs: np.ndarray


_POINTS = np.random.default_rng(0).uniform(-1.0, 2.0, (11, 3)).astype(np.float32)
_KEY = jax.random.key(0)


class _Growing(eqx.Module):
    """The length scale 0.3 + x_1^2."""

    def __call__(self, x: Array) -> Array:
        return 0.3 + x[0] ** 2


def _case(kernel: AbstractKernel, inputs: np.ndarray = _POINTS) -> KernelCase:
    return KernelCase(kernel, inputs)


KERNEL_INSTANCES: dict[str, Callable[[], KernelCase]] = {
    "Matern 1/2": lambda: _case(Matern(0.5, 0.7)),
    "Matern 1.3 and noise": lambda: _case(Matern(1.3, 0.7, 2.0) + 0.1 * White()),
    "rational quadratic": lambda: _case(RationalQuadratic(0.7, 1.5)),
    "dot products": lambda: _case(Linear(0.5) + Constant(2.0) * Polynomial(3, 0.3)),
    "Gibbs": lambda: _case(Gibbs(_Growing())),
    "Brownian": lambda: _case(Brownian(0.5), _POINTS[:, :1]),
    "tensor": lambda: _case(Tensor(SquaredExponential(0.7), Periodic(1.0), 2)),
    "stretched": lambda: _case(Stretched(Polynomial(2, 0.5), [0.5, 3.0, 1.0])),
    "columns, warped": lambda: _case(Columns(Warped(Matern(1.5, [0.5, 3.0]), jnp.tanh), (2, 0))),
    "Fourier features": lambda: _case(
        FeatureKernel(FourierFeatures(Matern(1.5, 0.7), 3, 6, key=_KEY))
    ),
    "Nystrom features": lambda: _case(
        FeatureKernel(NystromFeatures(SquaredExponential(0.7), _POINTS[:5]))
    ),
}


def check_kernel(kernel: AbstractKernel, inputs: Any) -> None:
    """Check that a kernel keeps the contract of Riesz on some inputs `(n, *features)`.

    Gram matrices are symmetric and positive semidefinite, the diagonal agrees, jit, vmap and
    blocks change nothing, gradients are finite where inputs coincide too, and float32 agrees
    with float64, and it is saved and loaded. Raises `AssertionError` with the name of the broken
    promise.
    """
    case = KernelCase(kernel, np.asarray(inputs, np.float32))
    for name, check in KERNEL_CHECKS.items():
        try:
            check(case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@eqx.filter_jit
def _everything(kernel: AbstractKernel, x: Array, y: Array) -> dict[str, Array]:
    pair, turned = jax.vmap(kernel)(jnp.stack([x, y]), jnp.stack([y, x]))
    alone, diagonal = kernel(x), kernel.diagonal(x)
    return {"alone": alone, "diagonal": diagonal, "pair": pair, "turned": turned}


@eqx.filter_jit
def _slopes(kernel: AbstractKernel, x: Array, weights: Array) -> tuple[Any, Array]:
    def total(pair):
        kernel, x = pair
        # sum_ij w_ij k(z_i, z_j) with inputs z that contain two points twice
        return jnp.sum(weights * kernel(jnp.concatenate([x, x[:2]])))

    return eqx.filter_grad(total)((kernel, x))


class _Values(NamedTuple):
    case: KernelCase
    x: Array
    y: Array

    @staticmethod
    def of(case: KernelCase, dtype: Any = np.float32) -> "_Values":
        x = jnp.asarray(case.inputs.astype(dtype))
        return _Values(KernelCase(as_traced(case.kernel, dtype), case.inputs), x, x[::-1])

    def everything(self) -> dict[str, np.ndarray]:
        made = _everything(self.case.kernel, self.x, self.y)
        return {name: np.asarray(value) for name, value in made.items()}


def _close(found: Any, expected: Any, what: str, tolerance: float = 2e-5) -> None:
    scale = np.abs(np.asarray(expected, float)).max() + 1e-30
    error = np.abs(np.asarray(found, float) - np.asarray(expected, float)).max() / scale
    assert error < tolerance, f"{what} (relative difference {error:.2g})"


def _symmetry(case: KernelCase) -> None:
    """Gram matrices are symmetric and have the variances on their diagonal."""
    made = _Values.of(case).everything()
    alone = made["alone"]
    assert alone.dtype == np.float32, f"float32 gives {alone.dtype}"
    assert np.isfinite(alone).all() and np.isfinite(made["pair"]).all(), "values are finite"
    assert (alone == alone.T).all(), "kernel(x) is symmetric to the last bit"
    assert (np.diagonal(alone) == made["diagonal"]).all(), "its diagonal is kernel.diagonal(x)"
    _close(made["turned"].T, made["pair"], "kernel(y, x) is the transpose of kernel(x, y)")
    off = ~np.eye(len(alone), dtype=bool)[:, ::-1]  # y is x from its end
    # y_j = x_(n-1-j): k(x_i, y_j) is column n - 1 - j of kernel(x)
    found, expected = made["pair"][off], alone[:, ::-1][off]
    scale = np.abs(alone).max()
    _close(found / scale + 1, expected / scale + 1, "kernel(x) is kernel(x, x) off the diagonal")


def _definite(case: KernelCase) -> None:
    """Gram matrices are positive semidefinite, up to rounding."""
    with jax.enable_x64(True):
        alone = _Values.of(case, np.float64).everything()["alone"]
    eigenvalues = np.linalg.eigvalsh(alone)
    assert eigenvalues[0] > -1e-12 * len(alone) * eigenvalues[-1], (
        f"eigenvalues are not negative (least {eigenvalues[0]:.2g}, largest {eigenvalues[-1]:.2g})"
    )


def _transforms(case: KernelCase) -> None:
    """Jit and vmap change nothing."""
    values = _Values.of(case)
    made = values.everything()
    _close(case.kernel(values.x), made["alone"], "jit changes nothing")
    _close(case.kernel(values.x, values.y), made["pair"], "vmap changes nothing")


def _gradients(case: KernelCase) -> None:
    """Gradients are finite, on the diagonal and where two inputs are equal too."""
    values = _Values.of(case)
    n = len(values.x) + 2
    slopes, by_input = _slopes(values.case.kernel, values.x, jax.random.normal(_KEY, (n, n)))
    assert np.isfinite(by_input).all(), "gradients by the inputs are finite"
    for leaf, kind in zip(jax.tree.leaves(slopes), kinds(slopes), strict=True):
        if kind == FROZEN:
            assert not np.asarray(leaf).any(), "frozen arrays have no gradient"
            continue
        assert np.isfinite(leaf).all(), "gradients by the hyperparameters are finite"
        assert (np.asarray(leaf) != 0).any(), f"a leaf of shape {leaf.shape} has no effect"


def _precision(case: KernelCase) -> None:
    """float32 agrees with float64, and the type of the inputs is that of the result."""
    single = _Values.of(case).everything()
    with jax.enable_x64(True):
        double = _Values.of(case, np.float64).everything()
    for name, value in double.items():
        assert value.dtype == np.float64, f"float64 gives {value.dtype}"
        _close(single[name], value, f"float32 agrees with float64 for {name}", 1e-4)


def _blocks(case: KernelCase) -> None:
    """Tiles and blocks of rows give the whole."""
    values = _Values.of(case)
    made, x = values.everything(), np.asarray(values.x)
    out = by_tiles(as_traced(case.kernel, x.dtype), x, None, (4, 4), False)
    _close(out, made["alone"], "tiles of kernel(x) are the whole")
    assert (out == out.T).all(), "tiles are symmetric to the last bit"
    vector = jnp.cos(jnp.arange(len(x), dtype=jnp.float32))
    # |K v| <= max_i sum_j |K_ij| for |v| <= 1
    product = matvec(case.kernel, values.x, vector)
    scale = np.abs(made["alone"]).sum(1).max()
    _close(product / scale + 1, made["alone"] @ np.asarray(vector) / scale + 1, "matvec is K v")


KERNEL_CHECKS: dict[str, Callable[[KernelCase], None]] = {
    "symmetry": _symmetry,
    "definiteness": _definite,
    "transformations": _transforms,
    "gradients": _gradients,
    "precision": _precision,
    "blocks": _blocks,
    "files": lambda case: comes_back(case.kernel),
}
