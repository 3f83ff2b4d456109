"""The installed jax computes what it is asked to; some versions do not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.mark.parametrize(("dtype", "count"), [(np.float64, 16_385), (np.float32, 32_769)])
def test_sums_of_products_are_right(dtype, count, x64):
    """jaxlib 0.10.2 leaves terms out: https://github.com/jax-ml/jax/issues/39103."""
    rows = jnp.arange(count, dtype=dtype)[:, None] * jnp.eye(1, 3, dtype=dtype)
    squares = jax.jit(jax.vmap(lambda row: jnp.sum((jnp.eye(3, dtype=dtype) @ row) ** 2)))
    np.testing.assert_allclose(squares(rows), np.arange(count, dtype=float) ** 2, rtol=1e-6)
