"""Layers beside their plain twins: sums over points, which have no limit under refinement."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, MaskedGrid, Points, Space, Torus
from riesz.errors import DomainError, ModelError
from riesz.functions import Function
from riesz.operators import FNO, AbstractOperator
from riesz.operators.layers import (
    AxisSpectralConvolution,
    ChannelNorm,
    Factorised,
    IntegralAttention,
    IntegralNorm,
    KernelIntegral,
    KernelNetwork,
    LowRankIntegral,
    SliceAttention,
    SpectralConvolution,
)
from riesz.testing import OPERATOR_CHECKS, OperatorCase

KEY = jax.random.key(0)
SPACE = Space(Box((0.0, 0.0), (1.0, 1.0)), 8)
SQUARE = SPACE.domain


class Alone(AbstractOperator):
    """A layer as an operator."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    layer: eqx.Module

    def __call__(self, a, on=None):
        out = Function(self.layer(a.values, a.discretization), a.discretization, SPACE)
        return out if on is None else out.resample(on)


class OnGrid(Alone):
    """A layer that is tried on grids alone."""

    on_grids = True


class GNOLayer(eqx.Module):
    """A kernel integral with edges of its own."""

    kernel: KernelNetwork
    integral: KernelIntegral

    def __call__(self, v, on):
        return self.integral(v, on, self.kernel(on, v))


LAYERS = {
    "spectral": SpectralConvolution(3, 8, 8, dim=2, key=KEY),
    "spectral, axes": AxisSpectralConvolution(3, 8, 8, dim=2, key=KEY),
    "softmax": IntegralAttention(8, 1, key=KEY),
    "galerkin": IntegralAttention(8, 1, "galerkin", key=KEY),
    "fourier": IntegralAttention(8, 1, "fourier", key=KEY),
    "normalised": IntegralAttention(8, 1, "normalised", key=KEY),
    "slices": SliceAttention(8, 2, 3, key=KEY),
    "low rank": LowRankIntegral(SQUARE, 8, 3, key=KEY),
    "norm": IntegralNorm(8),
}


class Plain(eqx.Module):
    """The layer with weights 1 / n, as of networks on arrays."""

    layer: eqx.Module

    def __call__(self, v, on):
        n = np.prod(on.shape)
        alike = Points(SQUARE, on.coordinates.reshape(n, 2), jnp.full(n, 1 / n))
        return self.layer(v.reshape(n, -1), alike).reshape(v.shape)


class Stencil(eqx.Module):
    """A 3 x 3 convolution of arrays."""

    weight: jax.Array

    def __call__(self, v, on):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            v[None], self.weight, (1, 1), "SAME", dimension_numbers=dimensions
        )[0]


class Transform(eqx.Module):
    """A spectral layer by the FFT of an array, which takes the last node for one of a period."""

    weight: jax.Array

    def __call__(self, v, on):
        spectrum = jnp.fft.rfft2(v, axes=(0, 1))
        kept = jnp.einsum("xyc,xycd->xyd", spectrum[:3, :3], self.weight)
        return jnp.fft.irfft2(jnp.zeros_like(spectrum).at[:3, :3].set(kept), v.shape[:2], (0, 1))


def check(layer, nodes="vertex", name="refinement", order=2.0):
    grids = SpectralConvolution | AxisSpectralConvolution | Plain
    kind = OnGrid if isinstance(layer, grids) else Alone
    OPERATOR_CHECKS[name](OperatorCase(kind(SPACE, SPACE, layer), nodes, order))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_converge_and_do_not_depend_on_the_points(name):
    layer = LAYERS[name]
    check(layer)
    check(layer, name="resampling")


@pytest.mark.parametrize(
    "name", ["softmax", "galerkin", "normalised", "slices", "low rank", "norm"]
)
def test_means_over_points_depend_on_the_points(name):
    with pytest.raises(AssertionError, match="between points"):
        check(Plain(LAYERS[name]), name="resampling")


def test_convolutions_of_arrays_do_not_converge():
    weight = jax.random.normal(KEY, (3, 3, 8, 8))
    with pytest.raises(AssertionError, match="order"):
        check(Stencil(weight))
    with pytest.raises(AssertionError, match="order"):
        check(Transform(jax.lax.complex(weight, weight)))


def test_a_kernel_integral_converges():
    kernel = KernelNetwork(2, 8, 4, 3, radius=0.4, key=KEY)
    check(GNOLayer(kernel, KernelIntegral(8, 8, 3, key=KEY)))


@pytest.mark.parametrize("form", ["dense", "cp", "tucker", "train"])
def test_factors_have_the_deviation_and_the_size_that_is_asked_for(form):
    shape = (9, 5, 16, 32)
    weight = Factorised(shape, form, 0.2, deviation=0.3, key=KEY)
    tensor = np.asarray(weight.tensor())
    assert tensor.shape == shape
    assert abs(tensor.std() / 0.3 - 1) < 0.25
    count = sum(f.size for f in weight.factors)
    assert count == tensor.size if form == "dense" else 0.1 < count / tensor.size <= 0.2


def test_factors_are_the_formula():
    a = Factorised((3, 4, 5), "cp", 0.9, deviation=1.0, key=KEY)
    np.testing.assert_allclose(a.tensor(), np.einsum("ir,jr,kr->ijk", *a.factors), atol=1e-5)
    a = Factorised((3, 4, 5), "tucker", 0.9, deviation=1.0, key=KEY)
    expected = np.einsum("abc,ai,bj,ck->ijk", *a.factors)
    np.testing.assert_allclose(a.tensor(), expected, atol=1e-5)
    a = Factorised((3, 4, 5), "train", 0.9, deviation=1.0, key=KEY)
    np.testing.assert_allclose(a.tensor(), np.einsum("aib,bjc,ckd->ijk", *a.factors), atol=1e-5)


def test_attention_is_its_formula():
    """Softmax attention of one head at scattered points with weights that differ."""
    points = Points(SQUARE, np.random.default_rng(0).uniform(size=(20, 2)))
    layer = IntegralAttention(4, 1, key=KEY)
    v = np.asarray(jax.random.normal(KEY, (20, 4)))
    q, k, w = (v @ np.asarray(m) for m in (layer.query, layer.key, layer.value))
    kernel = np.exp(q @ k.T / 2) * np.asarray(points.weights)
    expected = layer.out(jnp.asarray((kernel / kernel.sum(1, keepdims=True)) @ w))
    np.testing.assert_allclose(layer(jnp.asarray(v), points), expected, atol=1e-5)
    few = layer(jnp.asarray(v), points, jnp.asarray(v[:3]))  # queries elsewhere
    np.testing.assert_allclose(few, expected[:3], atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_masked_points_change_nothing(name):
    grid = Grid(SQUARE, 12, "centre")
    mask = np.ones((12, 12), bool)
    mask[4:8, 3:6] = False
    on = MaskedGrid(grid, mask)
    v = jax.random.normal(KEY, (12, 12, 8))
    other = jnp.where(mask[..., None], v, 100.0)
    found, changed = (np.asarray(LAYERS[name](x, on))[mask] for x in (v, other))
    np.testing.assert_allclose(found, changed, atol=1e-5)


def test_layer_norm_acts_at_each_point():
    v = jax.random.normal(KEY, (5, 4))
    out = np.asarray(ChannelNorm(4)(v))
    np.testing.assert_allclose(out.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(-1), 1, atol=1e-4)


def test_errors():
    with pytest.raises(ModelError, match=r"modes and a basis for each axis"):
        SpectralConvolution(3, 4, 4, dim=2, bases=("fourier",), key=KEY)
    with pytest.raises(ModelError, match=r"as many channels out as in"):
        SpectralConvolution(3, 4, 8, dim=2, form="separable", key=KEY)
    with pytest.raises(ModelError, match=r"whole or in factors[\s\S]*dense, cp, tucker, train"):
        FNO(SPACE, SPACE, form="svd", key=KEY)
    with pytest.raises(ModelError, match=r"divided among its heads[\s\S]*4 channels, 3 heads"):
        IntegralAttention(4, 3, key=KEY)
    with pytest.raises(ModelError, match=r"no attention of this kind"):
        IntegralAttention(4, 2, "linear", key=KEY)
    points = Points(SQUARE, np.random.default_rng(0).uniform(size=(20, 2)))
    with pytest.raises(DomainError, match=r"needs a function on a grid[\s\S]*resample"):
        SpectralConvolution(3, 4, 4, dim=2, key=KEY)(jnp.ones((20, 4)), points)
    circle = Space(Torus(0.0, 1.0))
    with pytest.raises(ModelError, match="positive modes"):
        FNO(circle, circle, modes=(3, 3), key=KEY)
