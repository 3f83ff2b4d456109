"""The compiled step: micro-batches change nothing, the schedule is as drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Space
from riesz.functions import Pairs, batch
from riesz.learning import RelativeLoss
from riesz.learning._step import adamw, make_trainer, schedule
from riesz.objectives import Supervised
from riesz.operators import FNO, Affine, _apply, micro_batch

KEY = jax.random.key(0)


def test_schedule_warms_up_and_decays():
    at = jax.vmap(schedule)(jnp.array([0.0, 0.025, 0.05, 0.525, 1.0]))
    np.testing.assert_allclose(at, [0.02, 0.5, 1.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize("size", [1, 2])
def test_micro_batches_give_the_same_step(monkeypatch, size):
    grid = Grid(Box((0.0, 0.0), (1.0, 1.0)), 8, "left")
    space = Space(grid.domain)
    values = np.random.default_rng(0).standard_normal((2, 4, 8, 8, 1), np.float32)
    pairs = Pairs(batch(values[0], grid), batch(values[1], grid))
    network = FNO(space, space, modes=2, width=4, layers=1, key=KEY)

    def after_a_step(floats):
        jax.clear_caches()  # sizes of micro-batches are read when a program is traced
        for name in ("_STEP_FLOATS", "_FORWARD_FLOATS"):
            monkeypatch.setattr(_apply, name, floats)
        objective = Supervised(RelativeLoss(1.0, 0.3), after=Affine.identity(1), same=True)
        trainer = make_trainer(network, objective, adamw(0.0), 1e-2)
        start = jax.tree.map(jnp.copy, trainer.initial)
        state, loss = trainer.step(start, pairs, KEY, np.float32(0.5))
        return (
            jax.tree.leaves(state.optimiser),
            loss,
            trainer.validate(state.parameters, pairs, jax.random.split(KEY, 4)),
        )

    whole, parts = after_a_step(2**20), after_a_step(size * 8 * 8 * 32)
    assert micro_batch((8, 8), 4, gradient=True) == size
    # the moments are linear and quadratic in the gradient; weights would hide its scale
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_micro_batch_divides_the_batch():
    assert micro_batch((16, 16), 16, gradient=True) == 16
    assert micro_batch((64, 64), 16, gradient=True) == 1
    assert micro_batch((64, 64), 16, gradient=False) == 4
    assert micro_batch((32, 32), 15, gradient=True) == 3
