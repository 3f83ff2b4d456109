"""Every process against every promise of the contract."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import processes
from riesz.kernels import SquaredExponential
from riesz.processes import AbstractProcess, Draws, GaussianProcess, InducingPoints, Normal, Values
from riesz.testing import PROCESS_CHECKS, PROCESS_INSTANCES, ProcessCase, check_process


@functools.cache
def case(name):
    return PROCESS_INSTANCES[name]()


@pytest.mark.parametrize("check", PROCESS_CHECKS)
@pytest.mark.parametrize("name", PROCESS_INSTANCES)
def test_contract(name, check, x64):
    PROCESS_CHECKS[check](case(name))


@pytest.mark.parametrize("name", PROCESS_INSTANCES)
def test_single_precision_agrees_with_double(name, x64):
    wide = case(name)
    expected = wide.process.marginal(on=wide.points)
    with jax.enable_x64(False):
        narrow = PROCESS_INSTANCES[name]()
        law = narrow.process.marginal(on=wide.points.astype(np.float32))
    assert law.mean.dtype == law.standard_deviation.dtype == jnp.float32
    atol = 1e-4
    if isinstance(expected, Draws):  # draws in float32 and in float64 are others
        atol = 8 * float(expected.variance.max()) / len(expected.values) ** 0.5
    np.testing.assert_allclose(law.mean, expected.mean, atol=atol)
    np.testing.assert_allclose(law.variance, expected.variance, atol=atol)


class Overconfident(AbstractProcess):
    """A process whose distribution is narrower than its samples."""

    truth: AbstractProcess

    exact = False

    def sample(self, n, *, on, key):
        return self.truth.sample(n, on=on, key=key)

    def condition(self, observations):
        return Overconfident(self.truth.condition(observations))

    def marginal(self, *, on, joint=False):
        law = self.truth.marginal(on=on, joint=True)
        return Normal(law.mean, 0.8 * law.variance, 0.8 * law.covariance)


def test_a_broken_process_is_named(x64):
    process = Overconfident(GaussianProcess(SquaredExponential(0.2)))
    with pytest.raises(AssertionError, match="^moments: covariance of samples is .* standard err"):
        check_process(process)


class Careless(AbstractProcess):
    """A process that says it conditions exactly, with inducing points."""

    prior: GaussianProcess
    exact = True

    def sample(self, n, *, on, key):
        return self.prior.sample(n, on=on, key=key)

    def condition(self, observations):
        points = jnp.linspace(0, 1, 5)[:, None]
        several = observations if isinstance(observations, list) else [observations]
        noisy = [Values(o.points, o.values, 1e-4) for o in several]
        return self.prior.condition(noisy, InducingPoints(points))

    def marginal(self, *, on, joint=False):
        return self.prior.marginal(on=on, joint=joint)


def test_a_process_that_is_not_exact_cannot_say_so(x64):
    case = ProcessCase(
        Careless(GaussianProcess(SquaredExponential(0.2))), np.linspace(0, 1, 9)[:, None]
    )
    with pytest.raises(AssertionError):
        PROCESS_CHECKS["conditioning"](case)


def test_every_process_is_registered_public_and_in_the_battery():
    public = {x for x in vars(processes).values() if isinstance(x, type)}
    final = {x for x in public if issubclass(x, AbstractProcess) and x is not AbstractProcess}
    tried = {type(make().process) for make in PROCESS_INSTANCES.values()}
    assert final == tried == set(processes.PROCESSES.values())
