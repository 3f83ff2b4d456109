"""Draws in NumPy are those of JAX: keys bit for bit, normal numbers up to rounding."""

import jax
import numpy as np
import pytest

from riesz._core import draws
from riesz.domains import Box, Space
from riesz.operators import FNO

KEYS = {
    "typed": lambda: jax.random.key(3),
    "raw": lambda: jax.random.PRNGKey(3),
    "another generator": lambda: jax.random.key(3, impl="rbg"),
}


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_draws_are_those_of_jax(key, x64):
    with jax.enable_x64(x64):
        made = KEYS[key]()
        for shape in [(1,), (3, 5), (64, 33), (5, 3, 7, 11), (2**14 + 1,)]:
            found, expected = draws.normal(made, shape), jax.random.normal(made, shape)
            assert found.dtype == expected.dtype
            # the inverse of the error function is steep where numbers are large
            np.testing.assert_allclose(found, expected, rtol=1e-5 if not x64 else 1e-13)
        for count in (1, 2, 6, 16, 17):
            mine, its = draws.split(made, count), jax.random.split(made, count)
            assert len(mine) == count
            for one, other in zip(mine, its, strict=True):
                assert one.dtype == other.dtype
                assert (np.asarray(_numbers(one)) == np.asarray(_numbers(other))).all()


def _numbers(key):
    typed = jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(key) if typed else key


def test_networks_of_many_shapes_draw_nothing_by_compiled_programs(monkeypatch):
    space, key = Space(Box((0, 0), (1, 1))), jax.random.key(0)

    def compiled(*_):
        raise AssertionError("a draw was compiled")

    monkeypatch.setattr(jax.random, "normal", compiled)
    monkeypatch.setattr(jax.random, "split", compiled)
    for width in (5, 6, 7):
        FNO(space, space, modes=4, width=width, layers=2, key=key)


def test_weights_are_the_same_inside_compiled_functions():
    space = Space(Box((0, 0), (1, 1)))

    def made(key):
        return FNO(space, space, modes=3, width=4, layers=1, key=key)

    key = jax.random.key(0)
    plain = jax.tree.leaves(made(key))
    for inside in (jax.jit(made)(key), jax.jit(lambda: made(key))()):  # a constant, too
        for x, y in zip(plain, jax.tree.leaves(inside), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5)  # as the inverse error function
