"""Every kernel against every promise of the contract."""

import functools
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from riesz.kernels import AbstractKernel
from riesz.testing import KERNEL_CHECKS, KERNEL_INSTANCES, check_kernel


@functools.cache
def case(name):
    return KERNEL_INSTANCES[name]()


@pytest.mark.parametrize("check", KERNEL_CHECKS)
@pytest.mark.parametrize("name", KERNEL_INSTANCES)
def test_contract(name, check):
    KERNEL_CHECKS[check](case(name))


OPTIMISED = """
from riesz.testing import KERNEL_CHECKS, KERNEL_INSTANCES

for build in KERNEL_INSTANCES.values():
    KERNEL_CHECKS["symmetry"](build())
"""


@pytest.mark.long
def test_optimised_programs_are_symmetric():
    """The other tests compile without optimisation; what is fused is rounded in another way."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", OPTIMISED], check=True, timeout=200, env=environment)


class Broken(AbstractKernel):
    """A function of the difference x - y on the line that is no kernel."""

    function: object

    def __call__(self, x, y=None):
        return self.function((x[:, None] - (x if y is None else y)[None])[..., 0])

    def diagonal(self, x):
        return jnp.diagonal(self(x))


# The last one keeps three digits in single precision.
BROKEN = {
    "symmetry": jnp.sin,
    "definiteness": jnp.abs,
    "gradients": lambda gap: jnp.exp(-jnp.sqrt(gap**2)),
    "precision": lambda gap: jnp.cos(3e4 * gap),
}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_kernel_is_named(promise):
    points = np.linspace(0, 1, 8)[:, None]
    with pytest.raises(AssertionError, match=f"^{promise}:"):
        check_kernel(Broken(BROKEN[promise]), points)
