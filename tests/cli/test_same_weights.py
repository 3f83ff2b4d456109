"""Library and command line: the same settings and the same seed give the same weights."""

import jax
import numpy as np
import pytest

import riesz
from riesz.operators import Normalised

SEED = 5
FIT = 2**31 + 2  # what `riesz train` folds into the key of its seed for the fit


@pytest.fixture(scope="module")
def file(tmp_path_factory, write):
    x, draw = np.arange(24) / 24, np.random.default_rng(0)
    a = np.einsum("nk,kx->nx", draw.normal(size=(50, 3)), np.cos(np.outer([2, 4, 6], np.pi * x)))
    path = tmp_path_factory.mktemp("same") / "curves.h5"
    return write(path, a=a.astype(np.float32), u=(a + 0.3 * a**2).astype(np.float32))


@pytest.mark.long
def test_a_recipe_in_python_gives_the_weights_of_the_command(file, call, tmp_path):
    out = tmp_path / "run"
    options = ["--nodes", "left", "--operator", "FNO(modes=3, width=4)", "--steps", "30"]
    call("train", file, *options, "--seed", SEED, "--out", out)
    card = riesz.read_card(out)
    pairs = riesz.open_pairs(file, nodes="left")
    parts = ("validation", "calibration", "test")
    held = {k: np.array(card["split"][f"{k}_pairs"], int) for k in parts}
    rest = np.setdiff1d(np.arange(len(pairs)), np.concatenate(list(held.values())))
    fitted = riesz.Recipe(**card["recipe"]).fit(
        pairs[rest],
        pairs[held["validation"]],
        key=jax.random.fold_in(jax.random.key(SEED), FIT),
        progress=False,
    )
    trained = riesz.load(out).operator
    assert isinstance(fitted.model, Normalised)
    assert jax.tree.structure(trained) == jax.tree.structure(fitted.model)
    for a, b in zip(jax.tree.leaves(trained), jax.tree.leaves(fitted.model), strict=True):
        np.testing.assert_array_equal(a, b)
