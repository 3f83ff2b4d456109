"""Truncated transforms against the FFT and against the integral they stand for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, Torus
from riesz.operators.layers._transforms import (
    analyse,
    fourier,
    grid_transforms,
    mix_modes,
    synthesise,
)


def torus_transforms(shape, modes):
    grid = Grid(Torus((0.0,) * len(shape), (1.0,) * len(shape)), shape)
    return grid_transforms(grid, modes, ["fourier"] * len(shape), 0.25)


@pytest.mark.parametrize(
    ("shape", "modes"), [((18,), (5,)), ((12, 14), (3, 4)), ((8, 6, 9), (2, 2, 3))]
)
def test_coefficients_are_those_of_the_fft(getkey, shape, modes):
    v = jax.random.normal(getkey(), (*shape, 2))
    a = analyse(v, torus_transforms(shape, modes))
    axes = range(len(shape))
    full = np.fft.fftn(v, axes=axes) / np.prod(shape)
    index = [np.arange(modes[0] + 1)] + [np.arange(-m, m + 1) for m in modes[1:]]
    expected = full[np.ix_(*index)].transpose(*reversed(axes), len(shape))
    np.testing.assert_allclose(a[0], expected.real, atol=2e-6)
    np.testing.assert_allclose(a[1], expected.imag, atol=2e-6)


def test_synthesis_inverts_analysis_of_resolved_functions(getkey):
    transforms = torus_transforms((16, 16), (3, 3))
    a = analyse(jax.random.normal(getkey(), (16, 16, 1)), transforms)
    v = synthesise(a, transforms)
    np.testing.assert_allclose(analyse(v, transforms), a, atol=1e-6)
    np.testing.assert_allclose(v, synthesise(analyse(v, transforms), transforms), atol=1e-5)


def test_modes_above_the_cutoff_vanish(getkey):
    v = jax.random.normal(getkey(), (8, 1))
    a = analyse(v, torus_transforms((8,), (6,)))
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
        x = grid.axis_coordinates[0]
        transforms = (fourier(x, grid.axis_cells[0], 2, period, 99.0, half=True),)
        a = mix_modes(analyse(jnp.exp(x)[:, None], transforms), weight)
        return x, synthesise(a, transforms)[:, 0]

    x, u = layer(24)
    k = np.arange(-2, 3)
    moments = (np.exp(1 - 2j * np.pi * k / period) - 1) / (1 - 2j * np.pi * k / period) / period
    half = np.asarray(weight[:, 0, 0]) + 1j * np.asarray(weight[:, 0, 1])
    full = np.concatenate([half[:0:-1].conj(), half])
    exact = (full * moments * np.exp(2j * np.pi * k * np.asarray(x)[:, None] / period)).sum(1)
    assert np.abs(exact.imag).max() < 1e-6
    np.testing.assert_allclose(u, exact.real, atol=2e-5)


@pytest.mark.parametrize(
    ("bases", "f"),
    [
        (("cosine", "sine"), lambda x, y: jnp.cos(2 * jnp.pi * x) * jnp.sin(3 * jnp.pi * y)),
        (("chebyshev", "chebyshev"), lambda x, y: (x**3 - x) * (y**2 + 1)),
        (("sine", "chebyshev"), lambda x, y: jnp.sin(jnp.pi * x) * y**3),
    ],
)
def test_projections_keep_what_is_in_the_span(bases, f, x64):
    """Mixed with each other, and with a Fourier axis before, between and behind them."""
    box, circle = Box((0.0, 0.0), (1.0, 1.0)), Torus(0.0, 1.0)

    def wave(t):
        return 1 + jnp.sin(2 * jnp.pi * t) + jnp.cos(6 * jnp.pi * t)

    first, second = Interval(0.0, 1.0), Interval(0.0, 1.0)
    cases = [
        (box, bases, f),
        (circle * box, ("fourier", *bases), lambda t, x, y: wave(t) * f(x, y)),
        (
            first * circle * second,
            (bases[0], "fourier", bases[1]),
            lambda x, t, y: wave(t) * f(x, y),
        ),
        (box * circle, (*bases, "fourier"), lambda x, y, t: wave(t) * f(x, y)),
        (
            circle * box * circle,
            ("fourier", *bases, "fourier"),
            lambda t, x, y, s: wave(t) * f(x, y) * wave(s + 0.1),
        ),
    ]
    for domain, kinds, g in cases:
        shape = [12 if kind == "fourier" else 28 for kind in kinds]
        nodes = ["uniform" if kind == "fourier" else "chebyshev" for kind in kinds]
        grid = Grid(domain, shape, nodes)
        values = g(*jnp.moveaxis(grid.coordinates, -1, 0))[..., None]
        transforms = grid_transforms(grid, [4] * len(kinds), kinds, 0.25)
        found = synthesise(analyse(values, transforms), transforms)
        np.testing.assert_allclose(found, values, atol=1e-9)
