"""Kernels against those of neural-tangents 0.6.5, recorded by `benchmarks/kernels.py`."""

import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks import parse

with np.load(pathlib.Path(__file__).parent / "oracle.npz") as data:
    ORACLE = dict(data)
DESCRIPTIONS = ORACLE["descriptions"].tolist()


# For an input with itself neural-tangents takes the angle, zero, from a difference of rounded
# numbers by a square root, which leaves half of the digits.
HALF = np.sqrt(np.finfo(float).eps)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("number", range(len(DESCRIPTIONS)), ids=DESCRIPTIONS)
def test_kernels_are_those_of_neural_tangents(number):
    description = DESCRIPTIONS[number]
    x = jnp.asarray(ORACLE["images" if "Conv" in description else "vectors"])
    kernel = parse(description).kernel()
    assert kernel.exact
    for ours, theirs in zip(kernel.both(x), ORACLE["kernels"][number], strict=True):
        assert ours.dtype == jnp.float64
        error = np.abs(ours - theirs) / np.max(np.abs(theirs))
        assert np.max(np.diag(error)) < HALF
        assert np.max(error[~np.eye(len(x), dtype=bool)]) < 1e-10
