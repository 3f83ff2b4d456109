"""Kernels between functions, against wide finite operators and by their symmetries."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, Space, Torus
from riesz.errors import DomainError, ModelError
from riesz.functions import Function, stack
from riesz.networks import DeepONet, Dense, Erf, Orthogonal, SpectralConv, SpectralOperator, Sum

LINE, CIRCLE = Space(Interval(0.0, 2.0)), Space(Torus(0.0, 1.0))
FAIR = Orthogonal()


def waves(space, cells):
    grid = Grid(space.domain, cells)
    return stack(
        [
            Function.from_callable(lambda x: 1 + jnp.sin(2 * jnp.pi * x), grid, space),
            Function.from_callable(lambda x: jnp.cos(4 * jnp.pi * x), grid, space),
        ]
    )


def spectral(width):
    layer = Sum(SpectralConv(width, (3,), 1.2, 0.2), Dense(width, 0.7))
    return SpectralOperator(Dense(width) >> layer >> Erf() >> Dense(1), nodes=8)


def tangent(operator, inputs, on):
    """The empirical tangent kernel, shape (n, p, n, p)."""
    weights, rest = eqx.partition(operator, eqx.is_inexact_array)

    def values(w):
        return jax.vmap(lambda u: eqx.combine(w, rest)(u, on).values[..., 0])(inputs)

    leaves = jax.tree.leaves(jax.jacrev(values)(weights))
    return sum(
        jnp.einsum("npk,mqk->npmq", j, j) for j in (a.reshape(*a.shape[:2], -1) for a in leaves)
    )


@pytest.mark.long
@pytest.mark.parametrize("kind", ["DeepONet", "SpectralOperator"])
def test_the_limit_is_that_of_wide_operators(kind):
    width, count, space = (256, 30, LINE) if kind == "DeepONet" else (128, 60, CIRCLE)
    inputs, on = waves(space, 16), Grid(space.domain, 2, nodes="left")
    layers = Dense(width, 1.3, 0.3, FAIR) >> Erf() >> Dense(width, 1.2, 0.2, FAIR)
    description = DeepONet(layers, layers, sensors=8) if kind == "DeepONet" else spectral(width)

    @jax.jit
    def draw(key):
        return tangent(description.init(space, space, key=key), inputs, on)

    sampled = np.asarray(jax.lax.map(draw, jax.random.split(jax.random.key(0), count)))
    limit = np.asarray(jax.jit(lambda: description.covariances(inputs, on))().ntk)
    error, size = sampled.std(0).max() / count**0.5, np.abs(limit).max()
    assert error < 0.02 * size
    np.testing.assert_allclose(sampled.mean(0), limit, atol=3.5 * error + size / width)


def test_the_kernel_is_of_functions_and_not_of_grids(x64):
    layers = Dense(8, 1.3, 0.3) >> Erf() >> Dense(8)
    description, on = DeepONet(layers, layers, sensors=16), Grid(CIRCLE.domain, 3)
    coarse, fine = (description.covariances(waves(CIRCLE, n), on) for n in (12, 40))
    np.testing.assert_allclose(coarse.ntk, fine.ntk, rtol=1e-12)
    coarse, fine = (spectral(8).covariances(waves(CIRCLE, n), on) for n in (12, 40))
    np.testing.assert_allclose(coarse.ntk, fine.ntk, rtol=1e-12)


def test_spectral_operators_commute_with_translations(x64):
    u, on = waves(CIRCLE, 8), Grid(CIRCLE.domain, 8)
    moved = jax.vmap(lambda f: Function(jnp.roll(f.values, 3, 0), f.discretization, f.space))(u)
    k = spectral(8).covariances(u, on).ntk
    shifted = spectral(8).covariances(moved, on).ntk
    np.testing.assert_allclose(jnp.roll(k, (3, 3), (1, 3)), shifted, rtol=1e-10, atol=1e-12)


def test_covariances_are_positive_semidefinite(x64):
    on = Grid(CIRCLE.domain, 8)
    for k in spectral(8).covariances(waves(CIRCLE, 8), on):
        matrix = np.asarray(k).reshape(16, 16)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
        assert np.linalg.eigvalsh(matrix).min() > -1e-12 * matrix.max()


def test_what_does_not_fit_is_refused():
    uneven = DeepONet(Dense(4) >> Erf() >> Dense(8), Dense(6))
    with pytest.raises(ModelError, match=r"(?s)cannot be multiplied.*end both with Dense"):
        uneven.init(LINE, LINE, key=jax.random.key(0))
    with pytest.raises(DomainError, match=r"(?s)periodic functions.*use riesz.networks.DeepONet"):
        spectral(4).covariances(waves(LINE, 8), Grid(LINE.domain, 2))
    with pytest.raises(ModelError, match=r"(?s)functions of the output space.*Dense\(2\)"):
        spectral(4).init(CIRCLE, Space(CIRCLE.domain, 2), key=jax.random.key(0))
