"""Truncated transforms against the FFT and against the integral they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, Torus
from riesz.operators._spectral import (
    analyse,
    mix_modes,
    reverse_axes,
    spectral_operator,
    synthesise,
    tensor_transforms,
)


def torus_transforms(shape, modes):
    grid = Grid(Torus((0.0,) * len(shape), (1.0,) * len(shape)), shape)
    axes = list(zip(grid.axis_coordinates, grid.axis_cells, strict=True))
    cutoffs = [(n - 1) / 2 for n in shape]
    return tensor_transforms(axes, modes, [1.0] * len(shape), cutoffs)


@pytest.mark.parametrize(
    ("shape", "modes"), [((18,), (5,)), ((12, 14), (3, 4)), ((8, 6, 9), (2, 2, 3))]
)
def test_coefficients_are_those_of_the_fft(getkey, shape, modes):
    v = jax.random.normal(getkey(), (*shape, 2))
    a = analyse(reverse_axes(v), torus_transforms(shape, modes))
    axes = range(len(shape))
    full = np.fft.fftn(v, axes=axes) / np.prod(shape)
    index = [np.arange(-m, m + 1) for m in modes[:-1]] + [np.arange(modes[-1] + 1)]
    expected = full[np.ix_(*index)]
    np.testing.assert_allclose(a[0], expected.real, atol=2e-6)
    np.testing.assert_allclose(a[1], expected.imag, atol=2e-6)


def test_synthesis_inverts_analysis_of_resolved_functions(getkey):
    transforms = torus_transforms((16, 16), (3, 3))
    a = analyse(reverse_axes(jax.random.normal(getkey(), (16, 16, 1))), transforms)
    v = synthesise(a, transforms)
    np.testing.assert_allclose(analyse(v, transforms), a, atol=1e-6)
    np.testing.assert_allclose(v, synthesise(analyse(v, transforms), transforms), atol=1e-5)


def test_modes_above_the_cutoff_vanish(getkey):
    v = jax.random.normal(getkey(), (8, 1))
    a = analyse(reverse_axes(v), torus_transforms((8,), (6,)))
    assert (a[:, 4:] == 0).all()
    assert (a[0, :4] != 0).all()


def test_mixing_is_complex_multiplication(getkey):
    a = jax.random.normal(getkey(), (2, 3, 4, 5))
    weight = jax.random.normal(getkey(), (3, 4, 5, 12))
    matrix = np.asarray(weight[..., :6]) + 1j * np.asarray(weight[..., 6:])
    expected = np.einsum("klc,klcd->kld", np.asarray(a[0]) + 1j * np.asarray(a[1]), matrix)
    out = np.asarray(mix_modes(a, weight))
    np.testing.assert_allclose(out[0] + 1j * out[1], expected, atol=1e-5)


def test_the_layer_is_an_integral_against_its_kernel(getkey):
    """On an interval, period 1.5: u(x) = (1/P) int kernel(x - y) v(y) dy, v given by a formula."""
    domain, period = Interval(0.0, 1.0), 1.5
    weight = jax.random.normal(getkey(), (3, 1, 2))  # modes 0, 1, 2: real and imaginary parts
    weight = weight.at[0, :, 1].set(0.0)

    def layer(size):
        grid = Grid(domain, size, "chebyshev")
        transforms = tensor_transforms(
            [(grid.axis_coordinates[0], grid.axis_cells[0])], (2,), [period], [99.0]
        )
        x = grid.axis_coordinates[0]
        return x, spectral_operator(jnp.exp(x)[:, None], weight, transforms)[:, 0]

    x, u = layer(24)
    k = np.arange(-2, 3)
    moments = (np.exp(1 - 2j * np.pi * k / period) - 1) / (1 - 2j * np.pi * k / period) / period
    half = np.asarray(weight[:, 0, 0]) + 1j * np.asarray(weight[:, 0, 1])
    full = np.concatenate([half[:0:-1].conj(), half])
    exact = (full * moments * np.exp(2j * np.pi * k * np.asarray(x)[:, None] / period)).sum(1)
    assert np.abs(exact.imag).max() < 1e-6
    np.testing.assert_allclose(u, exact.real, atol=2e-5)
