"""Operators learned by one linear system."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from riesz.domains import Grid
from riesz.errors import DataError, SolverError
from riesz.functions import take
from riesz.networks import DeepONet, Dense, Relu
from riesz.problems import Antiderivative
from riesz.processes import OperatorProcess

LAYERS = Dense(64, 1.4, 0.3) >> Relu() >> Dense(32)


@pytest.fixture(scope="module")
def learned():
    """Pairs, others, and the posterior of both kernels, in double precision."""
    with jax.enable_x64(True):
        problem = Antiderivative()
        pairs = problem.sample(60, grid=32, key=jax.random.key(0))
        others = problem.sample(10, grid=32, key=jax.random.key(1))
        on = Grid(problem.output_space.domain, 8)
        network = DeepONet(LAYERS, LAYERS, sensors=16)
        posteriors = {
            tangent: OperatorProcess(network, problem.output_space, tangent).condition(
                pairs, noise=1e-4, on=on
            )
            for tangent in (False, True)
        }
        yield pairs, others, on, posteriors


def relative(posterior, pairs):
    predicted = jax.vmap(posterior)(pairs.inputs).values
    return float(
        jnp.linalg.norm(predicted - pairs.outputs.values) / jnp.linalg.norm(pairs.outputs.values)
    )


@pytest.mark.parametrize("tangent", [False, True])
def test_an_operator_is_learned_without_training(learned, tangent):
    _, others, _, posteriors = learned
    assert relative(posteriors[tangent], others) < 0.03


def test_the_data_are_reproduced_where_they_were_seen(learned):
    pairs, _, on, posteriors = learned
    u, truth = jax.tree.map(jnp.asarray, (take(pairs.inputs, 3), take(pairs.outputs, 3)))
    law = posteriors[False].marginal(u, on=on)
    error = jnp.abs(law.mean.values - truth.resample(on).values)
    assert float(error.max()) < 1e-2 * float(jnp.abs(truth.values).max())
    prior = posteriors[False].variance * posteriors[False].prior.covariance(
        take(pairs.inputs, slice(3, 4)), on
    )
    assert float(law.variance.values.max()) < 1e-4 * float(jnp.diagonal(prior[0, :, 0]).max())


def test_the_joint_law_agrees_with_the_variances(learned):
    _, others, on, posteriors = learned
    law = posteriors[True].marginal(take(others.inputs, 0), on=on, joint=True)
    np.testing.assert_allclose(jnp.diag(law.covariance), law.variance.values[:, 0], atol=1e-12)
    assert np.linalg.eigvalsh(np.asarray(law.covariance)).min() > -1e-9


def test_samples_of_the_prior_have_its_covariance(learned):
    pairs, _, on, posteriors = learned
    prior, u = posteriors[False].prior, take(pairs.inputs, 0)
    draws = prior.sample(4000, u, on=on, key=jax.random.key(2)).values[..., 0]
    k = prior.covariance(take(pairs.inputs, slice(0, 1)), on)[0, :, 0]
    np.testing.assert_allclose(draws.T @ draws / 4000, k, atol=0.1 * float(k.max()))


def test_refusals_say_the_repair(learned):
    pairs, _, _, posteriors = learned
    prior = posteriors[False].prior
    with pytest.raises(DataError, match=r"(?s)needs noise.*1e-3 in float64"):
        prior.condition(pairs, noise=0.0)
    twice = pairs[np.array([0, 1, 0, 1])]
    with pytest.raises(SolverError, match=r"(?s)not positive definite.*more noise"):
        prior.condition(twice, noise=1e-12)


def test_the_evidence_is_the_density_of_the_outputs(learned):
    pairs, _, on, posteriors = learned
    posterior = posteriors[False]
    few = posterior.prior.condition(pairs[np.arange(4)], noise=0.1, on=on)
    k = np.asarray(posterior.prior.covariance(few.inputs, on)).reshape(32, 32)
    k = few.variance * (k + 0.01 * k.diagonal().mean() * np.eye(32))
    y = jax.vmap(lambda f: f.resample(on).values)(pairs.outputs)[:4].reshape(32)
    density = scipy.stats.multivariate_normal(np.zeros(32), k).logpdf(np.asarray(y))
    np.testing.assert_allclose(few.log_evidence, density, rtol=1e-9)
