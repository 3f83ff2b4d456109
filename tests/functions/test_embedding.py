"""Functions as vectors whose distances are those of the functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, MaskedGrid, Points
from riesz.errors import DomainError
from riesz.functions import Function, batch, embed, stack

LINE = Interval(0.0, 2.0)


@pytest.mark.parametrize(
    "on",
    [Grid(LINE, 17), Grid(LINE, 17, "chebyshev"), MaskedGrid(Grid(LINE, 17), np.arange(17) > 4)],
)
def test_distances_are_those_of_functions(on):
    values = jax.random.normal(jax.random.key(0), (3, 17, 2))
    f = batch(values, on)
    x = embed(f)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        difference = Function(values[i] - values[j], on)
        np.testing.assert_allclose(jnp.linalg.norm(x[i] - x[j]), difference.norm(), rtol=1e-5)


def test_derivatives_forget_constants():
    grid = Grid(LINE, 33)
    t = grid.coordinates
    x = embed(batch(jnp.stack([jnp.sin(t), jnp.sin(t) + 3, 2 * jnp.sin(t)]), grid), derivative=1)
    assert jnp.linalg.norm(x[0] - x[1]) < 1e-4
    cosine = np.sqrt(1 + np.sin(4.0) / 4)  # the L2 norm of cos on (0, 2)
    np.testing.assert_allclose(jnp.linalg.norm(x[0] - x[2]), cosine, rtol=1e-3)


def test_ragged_curves_come_to_common_points():
    sets = [np.linspace(0, 2, n)[:, None] for n in (40, 60)]
    ragged = stack([Function(np.sin(s).astype(np.float32), Points(LINE, s)) for s in sets])
    x = embed(ragged, Grid(LINE, 21))
    np.testing.assert_allclose(x[0], x[1], atol=1e-4)


def test_a_grid_of_another_domain_is_refused():
    f = batch(np.ones((2, 5, 1)), Grid(LINE, 5))
    with pytest.raises(DomainError, match="different domains"):
        embed(f, Grid(Interval(0.0, 1.0), 5))
