"""The promise of every model: what is saved comes back."""

import tempfile
from typing import Any

import jax
import numpy as np

from riesz._core.structure import to_json
from riesz.io import load, save


def comes_back(model: Any) -> None:
    """Saving and loading gives the same model, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        save(f"{folder}/model", model)
        loaded = load(f"{folder}/model", trust=_modules(to_json(model, "")[0]))
    assert jax.tree.structure(loaded) == jax.tree.structure(model), "another structure is loaded"
    for a, b in zip(jax.tree.leaves(model), jax.tree.leaves(loaded), strict=True):
        kinds = type(a), getattr(a, "dtype", None)
        assert kinds == (type(b), getattr(b, "dtype", None)), f"{kinds[0]} is loaded as {type(b)}"
        if kinds[1] is not None and jax.numpy.issubdtype(kinds[1], jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def _modules(structure: Any) -> list[str]:
    """The modules outside riesz of which a model holds classes."""
    parts = structure.values() if isinstance(structure, dict) else structure
    inside = [_modules(p) for p in parts if isinstance(p, dict | list)]
    own = structure.get("module") if isinstance(structure, dict) else None
    return [m for part in inside for m in part] + ([own] if isinstance(own, str) else [])
