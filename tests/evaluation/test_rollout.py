"""Errors of rollouts against their closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval
from riesz.errors import DataError
from riesz.evaluation import rollout
from riesz.functions import batch

GRID, N, TIMES = Grid(Interval(0.0, 1.0), 9), 40, 5


class Scale(eqx.Module):
    factor: float

    def __call__(self, u):
        return u * self.factor


@pytest.fixture(scope="module")
def trajectories():
    """u_k = 0.5^k c, c constant in space."""
    c = np.random.default_rng(0).normal(size=N)
    values = 0.5 ** np.arange(TIMES)[:, None, None] * c[:, None, None, None] * np.ones((9, 1))
    return jax.vmap(lambda u: batch(u, GRID))(jnp.asarray(values)), c


@pytest.mark.parametrize("factor", [0.5, 0.6, 1.0])
def test_errors_are_those_of_the_closed_form(trajectories, factor):
    functions, c = trajectories
    report = rollout(Scale(factor), functions)
    size = np.abs(c).mean() / c.std()
    for k in range(1, TIMES):
        exact = abs(factor**k - 0.5**k) / 0.5**k * size
        still = (1 - 0.5**k) / 0.5**k * size
        np.testing.assert_allclose(report.errors[k - 1].mean, exact, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(report.persistence[k - 1].mean, still, rtol=1e-4)
    assert report.lasts == sum(abs(factor**k - 0.5**k) / 0.5**k * size <= 1 for k in (1, 2, 3, 4))
    assert f"rollout of {TIMES - 1} steps" in repr(report)


def test_an_operator_that_explodes_is_said_to(trajectories):
    report = rollout(Scale(1e30), trajectories[0])
    assert report.lasts == 0 and report.errors[-1].worst == np.inf


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda f: batch(np.ones((3, 9, 1)), GRID), r"values of shape \(3, 9, 1\)"),
        (lambda f: jax.tree.map(jnp.zeros_like, f), "all trajectories are the same"),
    ],
)
def test_refusals(trajectories, change, text):
    with pytest.raises(DataError, match=text):
        rollout(Scale(0.5), change(trajectories[0]))
