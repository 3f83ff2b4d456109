"""A process in other units against the process written in them."""

import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError, ModelError
from riesz.kernels import SquaredExponential
from riesz.networks import Dense, Relu
from riesz.processes import DeepKernelMachine, GaussianProcess, Integrals, Rescaled, Values

X = np.linspace(0.0, 1.0, 5)[:, None]


def test_observations_of_another_type_keep_it(x64):
    process = Rescaled(GaussianProcess(SquaredExponential(0.4)), [100.0], [3.0])
    narrow = X.astype(np.float32)
    posterior = process.condition(Values(narrow, 100 + narrow, np.float32(0.5)))
    assert posterior.marginal(on=narrow).mean.dtype == np.float32


def test_noise_and_observations_are_in_its_units(x64):
    seen = [
        Values(X[:3], 100 + np.cos(X[:3]), noise=0.7),
        Integrals(X, np.full((1, 5), 0.2), np.array([[101.0]]), noise=0.2),
    ]
    kernel = SquaredExponential(0.4)
    process = Rescaled(GaussianProcess(kernel), [100.0], [3.0])
    same = GaussianProcess(9.0 * kernel, mean=100.0)
    for given in (seen, seen[0]):
        one, two = (p.condition(given).marginal(on=X, joint=True) for p in (process, same))
        np.testing.assert_allclose(one.mean, two.mean, rtol=1e-10)
        np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(process.log_density(given), same.log_density(given), rtol=1e-10)
    after = process.condition(seen[0]).log_density(seen[1])
    both = process.log_density(seen) - process.log_density(seen[0])
    np.testing.assert_allclose(after, both, rtol=1e-8)


@pytest.mark.parametrize("scale", [[1.0, 2.0], [0.0], [[1.0]], [jnp.inf]])
def test_a_shift_and_a_positive_scale_belong_to_each_channel(scale):
    with pytest.raises(DataError, match="a shift and a positive scale for each channel"):
        Rescaled(GaussianProcess(SquaredExponential(1.0)), [0.0], scale)


def test_one_noise_for_channels_of_different_scales_is_refused():
    process = Rescaled(GaussianProcess(SquaredExponential(1.0), channels=2), [0.0, 0.0], [1.0, 2.0])
    with pytest.raises(DataError, match=r"(?s)one noise for channels.*repair:.*process inside"):
        process.condition(Values(X, np.ones((5, 2)), noise=0.1))


def test_a_process_without_a_density_says_so():
    machine = DeepKernelMachine(Dense(1) >> Relu() >> Dense(1), nu=1.0)
    with pytest.raises(ModelError, match="no log_density that is known"):
        Rescaled(machine, [0.0], [1.0]).log_density(Values(X, X))
