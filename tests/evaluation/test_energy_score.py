"""The energy score against the closed form of a normal distribution on a point."""

import jax
import numpy as np
import pytest
from scipy.stats import norm

from riesz.domains import Grid, Interval, Point
from riesz.errors import DataError
from riesz.evaluation import energy_score
from riesz.functions import batch


def test_on_a_point_it_is_the_crps_of_a_normal_law():
    point, y = Grid(Point()), np.array([-1.0, 0.0, 2.0], np.float32)
    samples = batch(jax.random.normal(jax.random.key(0), (4000, 1)), point)
    found = energy_score(samples, batch(y[:, None], point))
    # Gneiting and Raftery 2007, equation 21, with mean 0 and deviation 1
    crps = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(found, crps, atol=0.03)


def test_it_is_in_the_unit_of_the_l2_norm_on_every_grid():
    rng = np.random.default_rng(1)
    heights, scores = rng.normal(size=(2, 50, 1, 1)).astype(np.float32), []
    for n in (4, 16):
        grid = Grid(Interval(0.0, 9.0), n)
        x, f = (batch(np.broadcast_to(h, (50, n, 1)), grid) for h in heights)
        scores.append(np.asarray(energy_score(x, f)))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4)
    on_point = [batch(h[:, 0], Grid(Point())) for h in heights]
    np.testing.assert_allclose(scores[0], 3 * energy_score(*on_point), rtol=1e-4)  # |1| = sqrt(9)


def test_other_points_are_no_samples_of_the_targets():
    grids = [Grid(Interval(0.0, 1.0), n) for n in (4, 5)]
    x, f = (batch(np.ones((3, g.shape[0], 1), np.float32), g) for g in grids)
    with pytest.raises(DataError, match="same points"):
        energy_score(x, f)
