"""The promise of every model: what is saved comes back."""

import tempfile
from typing import Any

import jax
import numpy as np

from riesz._io import load, save


def comes_back(model: Any) -> None:
    """Saving and loading gives the same model, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        save(f"{folder}/model", model)
        loaded = load(f"{folder}/model", trust=type(model).__module__)
    assert jax.tree.structure(loaded) == jax.tree.structure(model), "another structure is loaded"
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(loaded), strict=True):
        kinds = type(a), getattr(a, "dtype", None)
        assert kinds == (type(b), getattr(b, "dtype", None)), f"{kinds[0]} is loaded as {type(b)}"
        if kinds[1] is not None and jax.numpy.issubdtype(kinds[1], jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)
