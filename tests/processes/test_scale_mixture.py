"""Processes of unknown scale: closed forms, quadrature, samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.scipy.special import gammaln

from riesz.errors import DataError
from riesz.networks import Dense, Erf
from riesz.processes import GaussianProcess, ScaleMixture, StudentTProcess, Values

KERNEL = (Dense(8, 1.5, 0.3) >> Erf() >> Dense(1, 1.2)).kernel().nngp
A, B = 2.5, 1.5


def inverse_gamma(v):
    return A * jnp.log(B) - gammaln(A) - (A + 1) * jnp.log(v) - B / v


@pytest.fixture(scope="module")
def data():
    with jax.enable_x64(True):
        x = jax.random.normal(jax.random.key(0), (7, 2))
        points = jax.random.normal(jax.random.key(1), (3, 2))
        yield Values(x, 3 * jnp.sin(2 * x[:, :1]), noise=0.2), points


def test_the_evidence_is_the_density_of_a_student_t_law(data):
    seen, _ = data
    k = np.asarray(KERNEL(seen.points)) + 0.04 * np.eye(7)
    law = scipy.stats.multivariate_t(np.zeros(7), B / A * k, df=2 * A)
    evidence = StudentTProcess(KERNEL, A, B).log_density(seen)
    np.testing.assert_allclose(evidence, law.logpdf(np.asarray(seen.values)[:, 0]), rtol=1e-10)


def test_the_posterior_is_the_conditional_of_the_joint_law(data):
    # p(f* | y) = p(f*, y) / p(y), by joint densities of the prior.
    seen, points = data
    process = StudentTProcess(KERNEL, A, B)
    law = process.condition(seen).marginal(on=points[:1])
    predictive = scipy.stats.t(
        float(law.degrees), float(law.mean[0, 0]), float(law.scale[0, 0]) ** 0.5
    )
    every = np.concatenate([np.asarray(seen.points), np.asarray(points[:1])])
    k = np.asarray(KERNEL(jnp.asarray(every))) + 0.04 * np.diag([1.0] * 7 + [0.0])
    joint = scipy.stats.multivariate_t(np.zeros(8), B / A * k, df=2 * A)
    for f in (-1.0, 0.3):
        both = joint.logpdf(np.append(np.asarray(seen.values)[:, 0], f))
        np.testing.assert_allclose(
            predictive.logpdf(f), both - process.log_density(seen), rtol=1e-8
        )


def test_quadrature_over_the_scale_agrees_with_the_closed_form(data):
    seen, points = data
    closed = StudentTProcess(KERNEL, A, B)
    numerical = ScaleMixture(GaussianProcess(KERNEL), inverse_gamma)
    np.testing.assert_allclose(numerical.log_density(seen), closed.log_density(seen), rtol=1e-9)
    for a, b in ((closed, numerical), (closed.condition(seen), numerical.condition(seen))):
        one, two = (p.marginal(on=points, joint=True) for p in (a, b))
        np.testing.assert_allclose(one.mean, two.mean, rtol=1e-12)
        np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-9)


def test_data_of_another_scale_widen_the_law(data):
    seen, points = data
    loud = Values(seen.points, 10 * seen.values, noise=0.2)
    wide, narrow = (
        StudentTProcess(KERNEL, A, B).condition(d).marginal(on=points) for d in (loud, seen)
    )
    assert (wide.standard_deviation > 5 * narrow.standard_deviation).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: StudentTProcess(KERNEL, A, B),
        lambda: ScaleMixture(GaussianProcess(KERNEL), inverse_gamma),
    ],
)
def test_samples_have_the_law(data, make):
    seen, points = data
    process = make().condition(seen)
    draws = np.asarray(process.sample(20000, on=points, key=jax.random.key(3)))[:, :, 0]
    law = StudentTProcess(KERNEL, A, B).condition(seen).marginal(on=points)
    exact = scipy.stats.t(float(law.degrees), float(law.mean[1, 0]), float(law.scale[1, 0]) ** 0.5)
    assert scipy.stats.kstest(draws[:, 1], exact.cdf).pvalue > 1e-3


def test_impossible_laws_are_refused():
    with pytest.raises(DataError, match="shape of an inverse gamma distribution is positive"):
        StudentTProcess(KERNEL, 0.0, 1.0)
