"""Derivatives are observed of processes that have them, and refused of all others."""

import numpy as np
import pytest

from riesz.errors import DataError
from riesz.kernels import Brownian, Matern, SquaredExponential, White
from riesz.networks import Dense, Erf, Relu
from riesz.processes import Derivatives, GaussianProcess, Values

X = np.linspace(0.2, 1.3, 5, dtype=np.float32)[:, None]
SLOPES = Derivatives(X, 0 * X, noise=0.1)
RELU = (Dense(64, b_std=0.5) >> Relu() >> Dense(1)).kernel()
ERF = (Dense(64, b_std=0.5) >> Erf() >> Dense(1)).kernel()
ROUGH = {
    "Matern 1/2": Matern(0.5, 0.3),
    "Matern 1/2, far smoother than the points are wide": Matern(0.5, 1e4),
    "Brownian": Brownian(),
    "tangent kernel of a network with kinks": RELU.ntk,
    "smooth and white": SquaredExponential(0.3) + 0.1 * White(),
}
SMOOTH = {
    "long": SquaredExponential(1e3),
    "short": SquaredExponential(1e-4),
    "Matern 3/2": Matern(1.5, np.array([0.3], np.float32)),
    "network with kinks": RELU.nngp,
    "tangent kernel of a smooth network": ERF.ntk,
}


@pytest.mark.parametrize("name", ROUGH)
def test_derivatives_that_do_not_exist_are_refused(name):
    with pytest.raises(DataError, match=r"does not exist(.|\n)*axis 0(.|\n)*smoother kernel"):
        GaussianProcess(ROUGH[name]).condition([Values(X, X, 0.1), SLOPES])


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_that_exist_are_not(name):
    prior = GaussianProcess(SMOOTH[name])
    law, before = prior.condition(SLOPES).marginal(on=X), prior.marginal(on=X)
    assert (np.asarray(law.variance) <= np.asarray(before.variance)).all()
    assert np.isfinite(law.mean).all()


def test_a_process_that_is_zero_where_it_is_observed_is_looked_at_too():
    origin = np.zeros((1, 1), np.float32)
    with pytest.raises(DataError, match="does not exist"):
        GaussianProcess(Brownian()).condition(Derivatives(origin, origin, noise=0.1))


def test_the_evidence_of_derivatives_that_do_not_exist_is_refused():
    with pytest.raises(DataError, match="does not exist"):
        GaussianProcess(ROUGH["Brownian"]).log_density(SLOPES)
