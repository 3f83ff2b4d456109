"""Coordinate checks and sweeps of learning rates: flat under muP, moving otherwise."""

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import pytest

from riesz.errors import DataError, ModelError, RunError
from riesz.networks import Dense, Erf, Relu, Residual
from riesz.theory import CoordinateCheck, LearningRateSweep, coordinate_check, learning_rate_sweep

matplotlib.use("Agg")
X = jax.random.normal(jax.random.key(1), (12, 4))
Y = jnp.sin(jnp.sum(X, axis=1, keepdims=True))
KEY = jax.random.key(0)


def wide(width):
    return Dense(width, 1.4) >> Relu() >> Dense(width, 1.4) >> Relu() >> Dense(1)


def deep(blocks):
    network = Dense(24)
    for _ in range(blocks):
        network = network >> Residual(Erf() >> Dense(24, 1.5))
    return network >> Dense(1)


def check(rule, network_of=wide, rate=0.003, widths=(64, 512), steps=16):
    chosen = {"rule": rule, "base": widths[0], "optimiser": optax.adam(rate), "family": "adam"}
    return coordinate_check(network_of, widths, X, Y, steps=steps, networks=4, key=KEY, **chosen)


def test_activations_keep_their_size_under_mup():
    result = check("mup")
    assert result.sizes.shape == (17, 2, 5)
    assert np.abs(result.slopes()[-1]).max() < 0.1


def test_activations_grow_under_the_standard_rule():
    slopes = check("standard").slopes()
    assert np.abs(slopes[0, :4]).max() < 0.1  # not yet at the start
    assert slopes[-1, 2] > 0.25


def sweep(network_of, sizes, rates, rule):
    chosen = {"rule": rule, "base": sizes[0], "optimiser": optax.sgd, "family": "sgd"}
    return learning_rate_sweep(
        network_of, sizes, X, Y, rates, steps=10, networks=4, key=KEY, **chosen
    )


def test_the_picture_of_a_check_shows_some_steps():
    widths = np.asarray([2.0, 4.0, 8.0])
    sizes = np.stack([np.stack([widths**0, step * widths**0.5]).T for step in range(1, 12)])
    check = CoordinateCheck(sizes, (2, 4, 8), ("0 Dense", "1 Relu"))
    np.testing.assert_allclose(check.slopes(), np.tile([0.0, 0.5], (11, 1)), atol=1e-12)
    titles = [panel.get_title() for panel in check.plot().axes]
    assert titles == [f"step {i}" for i in range(0, 11, 2)]


def test_the_best_rate_stays_over_depths_under_depth_mup():
    rates = np.geomspace(1e-3, 1, 19)
    transferred, moved = (sweep(deep, [1, 4], rates, rule) for rule in ("mup-depth", "mup"))
    assert abs(transferred.slope()) < 0.2
    assert moved.slope() < -0.8


def test_the_best_rate_lies_between_those_tried():
    rates = np.geomspace(0.01, 1, 5)
    losses = np.stack([np.log(rates / 0.01) ** 2 + 1, np.log(rates / 0.1) ** 2])
    with pytest.raises(RunError, match=r"at an end of those[\s\S]*lowest loss at 0.01[\s\S]*down"):
        LearningRateSweep(losses, (1, 2), rates).best()
    both = LearningRateSweep(np.stack([losses[1], np.roll(losses[1], -1)]), (1, 10), rates)
    np.testing.assert_allclose(both.best(), [0.1, 0.1**1.5])
    np.testing.assert_allclose(both.slope(), -0.5)
    assert len(both.plot().lines) == 4


def test_errors():
    with pytest.raises(RunError, match=r"the training diverges[\s\S]*step \d and width 2"):
        check("standard", lambda width: Dense(1), rate=3e38, widths=(2, 3), steps=2)
    with pytest.raises(ModelError, match=r"several sizes are compared"):
        check("mup", widths=(64,))
    with pytest.raises(ModelError, match=r"rates are positive and in increasing order"):
        sweep(wide, [4, 8], [1.0, 0.1, 0.01], "mup")
    with pytest.raises(DataError, match=r"targets do not fit[\s\S]*\(12, 1\)[\s\S]*\(12, 2\)"):
        coordinate_check(
            wide, [2, 4], X, jnp.ones((12, 2)), rule="mup", optimiser=optax.sgd(0.1), family="sgd",
            key=KEY,
        )  # fmt: skip
