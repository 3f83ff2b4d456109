"""Critical points, the edge of chaos and depth scales, against published and integrated numbers."""

from math import inf, pi, sqrt

import jax
import numpy as np
import pytest

from riesz.errors import ModelError, SolverError
from riesz.networks import (
    Activation,
    Cos,
    Erf,
    Exp,
    Gelu,
    Hermite,
    LeakyRelu,
    Relu,
    Sign,
    Silu,
    Tanh,
)
from riesz.theory import critical, depth_scale, edge_of_chaos, fixed_point

Z = np.linspace(-12, 12, 4001)
WEIGHTS = np.exp(-(Z**2) / 2) / sqrt(2 * pi) * (Z[1] - Z[0])


def layer(phi, k, w2, b2):
    """One layer's variance and the derivative of it, by the trapezoidal rule."""
    squares = phi(sqrt(k) * Z) ** 2
    variance = b2 + w2 * WEIGHTS @ squares
    return variance, w2 * WEIGHTS @ ((Z**2 - 1) * squares) / (2 * k)


def correlation(phi, k, c, w2, b2):
    """The correlation behind one layer that keeps the variance k."""
    u, v = sqrt(k) * Z[::8], sqrt(k) * (c * Z[::8, None] + sqrt(1 - c**2) * Z[::8])
    weights = 8 * WEIGHTS[::8]
    return (b2 + w2 * (weights * phi(u)) @ (phi(v) @ weights)) / k


@pytest.mark.parametrize(
    ("activation", "kind", "w2", "b2", "variance"),
    [
        (Relu(), "scale-invariant", 2.0, 0.0, 1.0),
        (LeakyRelu(0.5), "scale-invariant", 2 / 1.25, 0.0, 1.0),
        (Tanh(), "vanishing", 1.0, 0.0, 0.0),
        (Erf(), "vanishing", pi / 4, 0.0, 0.0),
        (Gelu(), "half-stable", 1.98305826, 0.17292239, (3 + sqrt(17)) / 2),
        (Silu(), "half-stable", 1.988005, 0.555143, 14.32017),
    ],
)
def test_critical_points_are_those_of_the_literature(x64, activation, kind, w2, b2, variance):
    point = critical(activation)
    assert point.universality == kind
    digits = 1e-8 if isinstance(activation, Gelu) else 5e-7
    np.testing.assert_allclose(point.w_std**2, w2, rtol=digits)
    np.testing.assert_allclose(point.b_std**2, b2, rtol=digits)
    np.testing.assert_allclose(point.variance, variance, rtol=1e-6)
    np.testing.assert_allclose([point.chi_parallel, point.chi_perp], 1, rtol=1e-9)
    assert point.phase == "critical"
    assert point.correlation == 1 and point.correlation_depth == inf


@pytest.mark.parametrize("activation", [Gelu(), Silu()])
def test_half_stable_points_are_fixed_in_an_integration_of_their_own(x64, activation):
    point = critical(activation)
    phi = {"Gelu()": jax.nn.gelu, "Silu()": jax.nn.silu}[str(activation)]

    def numpy_phi(x):
        return np.asarray(phi(x, False) if phi is jax.nn.gelu else phi(x))

    variance, slope = layer(numpy_phi, point.variance, point.w_std**2, point.b_std**2)
    np.testing.assert_allclose(variance, point.variance, rtol=1e-9)
    np.testing.assert_allclose(slope, 1, rtol=1e-7)


def test_single_precision_has_four_digits():
    point = critical(Gelu())
    np.testing.assert_allclose([point.w_std**2, point.b_std**2], [1.98306, 0.17292], rtol=1e-4)
    np.testing.assert_allclose(point.variance, (3 + sqrt(17)) / 2, rtol=1e-3)


def test_the_edge_of_chaos_with_biases(x64):
    tanh, erf = edge_of_chaos(Tanh(), 0.05**0.5), edge_of_chaos(Erf(), 0.05**0.5)
    np.testing.assert_allclose([tanh.w_std**2, tanh.variance], [1.760955, 0.570048], rtol=1e-6)
    np.testing.assert_allclose([erf.w_std**2, erf.variance], [1.375839, 0.517177], rtol=1e-6)
    assert tanh.phase == erf.phase == "critical"
    assert tanh.chi_parallel < 1 and tanh.variance_depth < inf
    assert edge_of_chaos(Erf(), 0.0).universality == "vanishing"
    assert edge_of_chaos(Relu(), 0.0).universality == "scale-invariant"


@pytest.mark.parametrize(("w_std", "phase", "layers"), [(1.0, "ordered", 24), (1.8, "chaotic", 80)])
def test_correlations_approach_their_fixed_point_at_the_depth_scale(x64, w_std, phase, layers):
    point = fixed_point(Tanh(), w_std, 0.3)
    assert point.phase == phase
    k = 1.0
    for _ in range(200):
        k = layer(np.tanh, k, w_std**2, 0.09)[0]
    np.testing.assert_allclose(point.variance, k, rtol=1e-9)
    c, gaps = 0.2, []
    for _ in range(layers):
        c = correlation(np.tanh, k, c, w_std**2, 0.09)
        gaps.append(abs(point.correlation - c))
    np.testing.assert_allclose(gaps[-1] / gaps[-9], np.exp(-8 / point.correlation_depth), rtol=1e-3)


def test_fixed_points_at_zero_and_of_every_variance(x64):
    shrinking = fixed_point(Relu(), 1.0)
    assert (shrinking.variance, shrinking.phase) == (0.0, "ordered")
    np.testing.assert_allclose(shrinking.chi_perp, 0.5)
    assert fixed_point(Relu(), 2**0.5).variance == 1.0
    # Without biases an odd activation drives all inputs to be orthogonal.
    assert fixed_point(Erf(), 1.7).correlation == 0.0


def test_depth_scales():
    np.testing.assert_allclose([depth_scale(np.exp(-0.1)), depth_scale(np.exp(0.1))], 10)
    assert (depth_scale(1.0), depth_scale(0.0)) == (inf, 0.0)


@pytest.mark.parametrize(
    ("activation", "reason"),
    [
        (Exp(), "chi_parallel > chi_perp at every variance"),
        (Cos(), "K\\* = 0 needs phi\\(0\\) = 0, not 1"),
        (Activation(jax.nn.softplus), "chi_parallel > chi_perp at every variance"),
    ],
)
def test_activations_without_critical_point_say_why(activation, reason):
    with pytest.raises(SolverError, match=f"there is no critical point(?s:.*){reason}"):
        critical(activation)


def test_what_has_no_edge_or_fixed_point():
    with pytest.raises(SolverError, match="holds without bias only, not with b_std=0.1"):
        edge_of_chaos(Relu(), 0.1)
    with pytest.raises(SolverError, match="grows from layer to layer without bound"):
        fixed_point(Relu(), 2.0)
    with pytest.raises(ModelError, match="driven apart without bound: the activation jumps"):
        critical(Sign())
    with pytest.raises(SolverError, match="the activation is constant, or its expectations"):
        critical(Hermite(0))
    with pytest.raises(SolverError, match="has no finite mean square"):
        fixed_point(LeakyRelu(float("nan")), 1.0)
    with pytest.raises(ModelError, match="standard deviations are finite and not negative"):
        fixed_point(Tanh(), -1.0)
