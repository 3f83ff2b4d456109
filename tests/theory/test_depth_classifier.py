"""Classifiers of infinite depth against tangent kernels of many layers."""

from math import inf, log

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import ModelError
from riesz.networks import Abs, Cos, Erf, Gelu, Hermite, LeakyRelu, Monomial, Relu, Sign, Sin
from riesz.theory import depth_classifier

TRAIN = np.array([0.0, 0.7, 1.9, 2.6, 4.1, 5.2])
NEW = np.array([0.3, 1.2, 3.4, 4.8])


def cosines(a, b):
    """Correlations of points on the circle, given by their angles."""
    return jnp.asarray(np.cos(a[:, None] - b), float)


def tangent_kernels(activation, depth):
    """Kernels of new with training inputs and of these with themselves, by the layer recursion."""
    one = jnp.ones(())
    square, slope_square = activation.duals(one, one, one)

    @jax.jit
    def through(c):
        def layer(state, _):
            k, theta = state
            value, derivative = activation.duals(one, k, one)
            return (value / square, (value + derivative * theta) / square), None

        return jax.lax.scan(layer, (c, c), length=depth)[0][1]

    diagonal = np.sum(float(slope_square / square) ** np.arange(depth + 1))
    own = np.array(through(cosines(TRAIN, TRAIN)))
    np.fill_diagonal(own, diagonal)
    return np.asarray(through(cosines(NEW, TRAIN))), own


def weights(activation, depth):
    """How regression without ridge weighs the labels, relative to each other."""
    cross, own = tangent_kernels(activation, depth)
    found = np.linalg.solve(own, cross.T).T
    return found / abs(found).sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("activation", "kind", "exponent"),
    [
        (Relu(), "majority vote", 0.0),
        (Gelu(), "majority vote", 0.0),
        (Abs(), "majority vote", 0.0),
        (Hermite(2), "nearest neighbour", inf),
        (Hermite(3), "nearest neighbour", inf),
        (LeakyRelu(1.0), "linear", 0.0),
        (Cos(), "constant", 0.0),
        # u^3 = He_3 + 3 He_1 has mean square 15: f'(0) = 9/15, f'(1) = 27/15.
        (Monomial(3), "singular kernel", -2 * log(9 / 15) / log(27 / 15)),
    ],
)
def test_kinds_of_classifiers(activation, kind, exponent):
    found = depth_classifier(activation)
    assert found.kind == kind
    np.testing.assert_allclose(found.exponent, exponent, rtol=1e-5)


def test_the_singular_kernel_is_the_limit_of_regression(x64):
    limit = depth_classifier(Sin()).votes(cosines(NEW, TRAIN))
    gaps = [abs(weights(Sin(), depth) - limit).max() for depth in (800, 1600)]
    # The tangent kernel is depth times its limit plus a constant.
    np.testing.assert_allclose(gaps[0] / gaps[1], 2, rtol=0.05)
    assert gaps[1] < 0.02


def test_the_exponent_is_that_of_the_votes(x64):
    found = depth_classifier(Erf())
    distances = jnp.asarray([1e-2, 1e-3, 1e-4])
    votes = found.votes(1 - distances[None] ** 2 / 2)[0]
    slopes = jnp.diff(jnp.log(votes)) / jnp.diff(jnp.log(distances))
    np.testing.assert_allclose(slopes, -found.exponent, rtol=1e-3)


@pytest.mark.parametrize(("activation", "depth"), [(Hermite(2), 10), (Hermite(3), 6)])
def test_the_nearest_neighbour_is_the_limit_of_regression(x64, activation, depth):
    limit = depth_classifier(activation).votes(cosines(NEW, TRAIN))
    assert (abs(limit).sum(1) == 1).all() and (abs(limit).max(1) == 1).all()
    np.testing.assert_allclose(weights(activation, depth), limit, atol=1e-3)


def test_the_majority_vote_is_the_limit_of_regression(x64):
    limit = depth_classifier(Gelu()).votes(cosines(NEW, TRAIN))
    np.testing.assert_allclose(limit, 1 / len(TRAIN))
    np.testing.assert_allclose(weights(Gelu(), 240), limit, atol=1e-4)
    # Where f'(1) = 1, at the first order in 1 / depth.
    gaps = [abs(weights(Relu(), depth) - 1 / len(TRAIN)).max() for depth in (300, 600)]
    np.testing.assert_allclose(gaps[0] / gaps[1], 2, rtol=0.15)


def test_a_constant_kernel_with_a_ridge_votes_by_majority(x64):
    cross, own = tangent_kernels(Cos(), 60)
    np.testing.assert_allclose(own, 1 / (1 - np.tanh(1)), rtol=1e-4)
    found = np.linalg.solve(own + 0.1 * np.eye(len(TRAIN)), cross.T)
    np.testing.assert_allclose(found / found.sum(0), 1 / len(TRAIN), rtol=1e-3)


@pytest.mark.parametrize("activation", [Erf(), Hermite(3), Relu()])
def test_training_inputs_keep_their_labels_in_single_precision(activation):
    votes = depth_classifier(activation).votes(jnp.asarray(np.cos(TRAIN[:, None] - TRAIN), "f4"))
    assert votes.dtype == jnp.float32
    np.testing.assert_allclose(votes, np.eye(len(TRAIN)), atol=1e-6)


def test_refusals():
    with pytest.raises(ModelError, match=r"no vote of the training inputs(?s:.*)constant, for Cos"):
        depth_classifier(Cos()).votes(jnp.ones((1, 2)))
    with pytest.raises(ModelError, match="the activation jumps"):
        depth_classifier(Sign())
