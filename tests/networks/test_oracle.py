"""Kernels against those of neural-tangents 0.6.5, recorded by `benchmarks/kernels.py`."""

import os
import pathlib
import subprocess
import sys

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


# Optimised programs compute a number twice where that is cheap, rounded in different ways.
OPTIMISED = """
import jax, jax.numpy as jnp, numpy as np, sys
from riesz.networks import parse
jax.config.update("jax_enable_x64", True)
with np.load(sys.argv[1]) as data:
    images, vectors = data["images"], data["vectors"]
conv = 'Conv(8, (2, 2), w_std=1.4, padding="valid") >> Relu() >> Flatten() >> Dense(1)'
dense = "Dense(8, b_std=0.3) >> Relu() >> Dense(8) >> Gelu() >> Dense(8) >> Abs() >> Dense(1)"
for text, x in ((conv, images), (dense, vectors)):
    kernels = parse(text).kernel()
    found = kernels.both(x), kernels.both(x, x)
    with jax.disable_jit():
        exact = kernels.both(x)
    for pair, tolerance in zip(found, (1e-12, 2e-8)):
        for k, e in zip(pair, exact):
            assert np.abs(k - e).max() < tolerance * np.abs(e).max(), (text, np.abs(k - e).max())
"""


@pytest.mark.long
def test_optimised_programs_give_the_same():
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    path = pathlib.Path(__file__).parent / "oracle.npz"
    subprocess.run(
        [sys.executable, "-c", OPTIMISED, path], check=True, timeout=200, env=environment
    )
