"""The signature kernel against signatures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import i0

from riesz.errors import DataError
from riesz.kernels import (
    AbstractFeatures,
    FeatureKernel,
    Signature,
    SquaredExponential,
)
from riesz.kernels._signature import _pairs


def walks(n, length, scale=0.3):
    steps = np.random.default_rng(2).normal(size=(n, length, 2))
    return jnp.asarray(scale * steps.cumsum(1), float)


def truncated_signature(path, levels, terms=None):
    """The iterated integrals of a piecewise linear path, up to a level.

    By Chen's identity, the product of the exponentials of the increments in the tensor algebra,
    or of their first `terms` terms.
    """
    whole = [np.ones(1)] + [np.zeros(path.shape[1] ** k) for k in range(1, levels + 1)]
    for step in np.diff(np.asarray(path), axis=0):
        exponential = [np.ones(1)]
        for k in range(1, levels + 1):
            exponential.append(np.kron(exponential[-1], step) / k)
            if terms is not None and k > terms:
                exponential[-1] = 0 * exponential[-1]
        whole = [
            sum(np.kron(whole[i], exponential[k - i]) for i in range(k + 1))
            for k in range(levels + 1)
        ]
    return np.concatenate(whole)


def test_it_converges_with_order_2_to_the_product_of_signatures(x64):
    x = walks(3, 5)
    signatures = np.stack([truncated_signature(path, 11) for path in x])
    exact = signatures @ signatures.T
    errors = [abs(Signature(refinement=r)(x) - exact).max() for r in (2, 3, 4)]
    assert errors[2] < 1e-3 * exact.max()
    rates = np.log2(np.array(errors[:2]) / np.array(errors[1:]))
    assert 1.85 < rates[0] < rates[1] < 2.05


def test_without_refinement_it_is_the_product_of_midpoint_solutions(x64):
    """The rule has the exponential's terms up to the second for each of four increments."""
    x = walks(3, 5)
    solutions = np.stack([truncated_signature(path, 8, terms=2) for path in x])
    np.testing.assert_allclose(Signature()(x), solutions @ solutions.T, rtol=1e-12)


def test_two_straight_lines_have_a_bessel_function(x64):
    lines = jnp.array([[[0.0, 0.0], [0.5, 1.0]], [[1.0, 0.0], [0.6, 0.4]]])
    products = jnp.array([[1.25, 0.2], [0.2, 0.32]])
    k = Signature(refinement=6)(lines)
    np.testing.assert_allclose(k, i0(2 * np.sqrt(products)), rtol=2e-4)


class Squares(AbstractFeatures):
    """phi(x) . phi(y) = (x . y)^2."""

    def __call__(self, x):
        return (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)


def test_a_path_kernel_lifts_the_path_to_its_features(x64):
    x = walks(3, 6)
    lifted = jax.vmap(Squares())(x)
    k = Signature(FeatureKernel(Squares()))(x)
    np.testing.assert_allclose(k, Signature()(lifted), rtol=1e-10)
    assert abs(k - Signature()(x)).max() > 0.1


def test_refinement_inserts_points_and_the_start_does_not_matter(x64):
    x = walks(3, 5)
    path = np.asarray(x)
    finer = np.zeros((3, 9, 2))
    finer[:, ::2], finer[:, 1::2] = path, (path[:, 1:] + path[:, :-1]) / 2
    k = Signature(refinement=1)(x)
    np.testing.assert_allclose(Signature()(jnp.asarray(finer)), k, rtol=1e-12)
    np.testing.assert_allclose(Signature(refinement=1)(x + 5.0), k, rtol=1e-12)


@pytest.mark.parametrize("path_kernel", [None, SquaredExponential(0.7)])
def test_gram_matrices_are_symmetric_and_positive_on_coarse_grids(path_kernel, x64):
    kernel, x = Signature(path_kernel), walks(12, 3, scale=0.6)
    k = kernel(x)
    assert (k == k.T).all() and (np.diag(k) == kernel.diagonal(x)).all()
    assert np.linalg.eigvalsh(k)[0] > -1e-12 * k.max()


def test_paths_of_other_lengths_blocks_and_types(monkeypatch):
    x, y = walks(3, 5), walks(2, 9)
    kernel = Signature(SquaredExponential(1.0))
    whole = kernel(x, y)
    assert whole.dtype == jnp.float32
    np.testing.assert_allclose(kernel(y, x), whole.T, rtol=1e-5)
    monkeypatch.setattr(_pairs, "_NUMBERS", 4 * 5 * 9)
    eqx.clear_caches()
    np.testing.assert_allclose(kernel(x, y), whole, rtol=1e-6)


def test_gradients_in_paths_and_hyperparameters_are_differences(x64):
    x = walks(2, 5)

    @jax.jit
    def value(scale, length):
        return Signature(SquaredExponential(length))(scale * x)[0, 1]

    gradient = jax.grad(value, (0, 1))(1.0, 0.8)
    h = 1e-5
    first = (value(1 + h, 0.8) - value(1 - h, 0.8)) / (2 * h)
    second = (value(1.0, 0.8 + h) - value(1.0, 0.8 - h)) / (2 * h)
    np.testing.assert_allclose(gradient, (first, second), rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "found"),
    [
        (jnp.ones((4, 3)), None, "(4, 3)"),
        (jnp.ones((4, 1, 2)), None, "(4, 1, 2)"),
        (jnp.ones((4, 5, 2)), jnp.ones((4, 5, 3)), "(4, 5, 2) and (4, 5, 3)"),
    ],
)
def test_what_is_no_set_of_paths_is_refused(x, y, found):
    with pytest.raises(DataError) as caught:
        Signature()(x, y)
    assert found in str(caught.value) and "x[..., None] numbers states" in str(caught.value)


def test_overflow_and_a_negative_refinement_are_refused():
    with pytest.raises(DataError, match="overflow float32") as caught:
        Signature()(walks(2, 40, scale=20.0))
    assert "divide the paths by their greatest length" in str(caught.value)
    with pytest.raises(DataError, match="refinement=-1"):
        Signature(refinement=-1)
