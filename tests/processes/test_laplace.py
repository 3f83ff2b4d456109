"""Classification, against Laplace's approximation with full matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from riesz.domains import Grid, Interval, Points
from riesz.errors import DataError, SolverError
from riesz.kernels import SquaredExponential
from riesz.processes import GaussianProcess, Labels, Values, _laplace_posterior, tune

RNG = np.random.default_rng(0)
X, Z = RNG.uniform(size=(12, 2)), RNG.uniform(size=(5, 2))
CLASSES = np.argmax(X @ RNG.standard_normal((2, 3)) + 0.3 * RNG.standard_normal((12, 3)), 1)
KERNEL = 4.0 * SquaredExponential(0.5)
MEAN = np.array([0.3, 0.0, -0.2])


def level(x):
    return jnp.broadcast_to(jnp.asarray(MEAN, x.dtype), (len(x), 3))


SOFTMAX = GaussianProcess(KERNEL, mean=level, channels=3)
BINARY = GaussianProcess(KERNEL)


def reference():
    """Mode, evidence and marginal at Z, by Newton's method on all 36 latent values at once."""
    k = lambda x, y: np.kron(np.eye(3), KERNEL(jnp.asarray(x), jnp.asarray(y)))  # noqa: E731
    gram, cross, own = k(X, X), k(X, Z), k(Z, Z)
    inverse, seen, f = np.linalg.inv(gram), np.eye(3)[CLASSES].T.ravel(), np.repeat(MEAN, 12)
    p = w = np.zeros(())
    for _ in range(30):
        exponentials = np.exp(f.reshape(3, 12))
        p = (exponentials / exponentials.sum(0)).ravel()
        stacked = np.concatenate([np.diag(row) for row in p.reshape(3, 12)])
        w = np.diag(p) - stacked @ stacked.T
        slope = seen - p - inverse @ (f - np.repeat(MEAN, 12))
        f = f + np.linalg.solve(inverse + w, slope)
    quadratic = (f - np.repeat(MEAN, 12)) @ inverse @ (f - np.repeat(MEAN, 12))
    logdet = np.linalg.slogdet(np.eye(36) + gram @ w)[1]
    evidence = np.log(p[seen == 1]).sum() - quadratic / 2 - logdet / 2
    mean = np.repeat(MEAN, 5) + cross.T @ (seen - p)
    covariance = own - cross.T @ w @ np.linalg.solve(np.eye(36) + gram @ w, cross)
    return evidence, mean.reshape(3, 5).T, covariance.reshape(3, 5, 3, 5).transpose(1, 0, 3, 2)


def test_softmax_is_the_approximation_with_full_matrices(x64):
    evidence, mean, covariance = reference()
    posterior = SOFTMAX.condition(Labels(X, CLASSES))
    law = posterior.marginal(on=Z, joint=True)
    np.testing.assert_allclose(law.mean, mean, atol=1e-6)
    np.testing.assert_allclose(law.covariance, covariance, atol=1e-6)
    variance = np.einsum("pcpc->pc", covariance)
    np.testing.assert_allclose(law.variance, variance, atol=1e-6)
    np.testing.assert_allclose(SOFTMAX.log_density(Labels(X, CLASSES)), evidence, rtol=1e-8)


def test_two_classes_are_one_latent_function_or_two_of_half_the_variance(x64):
    """f_1 - f_0 has twice their variance, and the softmax of two is the logistic of it."""
    pair = GaussianProcess(0.5 * KERNEL, channels=2)
    labels = Labels(X, CLASSES == 0)
    np.testing.assert_allclose(BINARY.log_density(labels), pair.log_density(labels), rtol=1e-8)
    one, two = BINARY.condition(labels), pair.condition(labels)
    a, b = one.marginal(on=Z, joint=True), two.marginal(on=Z, joint=True)
    np.testing.assert_allclose(a.mean[:, 0], b.mean[:, 1] - b.mean[:, 0], atol=1e-6)
    of_difference = np.einsum("pcqd,c,d->pq", b.covariance, [-1, 1], [-1, 1])
    np.testing.assert_allclose(a.covariance, of_difference, atol=1e-6)
    single, double = one.probabilities(on=Z), two.probabilities(on=Z)
    np.testing.assert_allclose(single[:, 0], double[:, 1], atol=1e-3)
    np.testing.assert_allclose(double.sum(1), 1.0, rtol=1e-12)


def test_probabilities_are_averages_over_the_latent_law(x64):
    posterior = SOFTMAX.condition(Labels(X, CLASSES))
    draws = np.asarray(posterior.sample(20000, on=Z, key=jax.random.key(0)))
    expected = np.asarray(jax.nn.softmax(draws)).mean(0)
    np.testing.assert_allclose(posterior.probabilities(on=Z), expected, atol=6e-3)
    of_means = jax.nn.softmax(posterior.marginal(on=Z).mean)
    assert np.abs(of_means - expected).max() > 0.02  # so that the average is tested


def test_the_evidence_has_the_gradient_of_differences(x64):
    """Through the mode, which moves with the hyperparameters."""

    @jax.jit
    def evidence(variance, length, mean):
        kernel = variance * SquaredExponential(length)
        prior = GaussianProcess(kernel, mean=lambda x: mean * level(x), channels=3)
        return prior.log_density(Labels(X, CLASSES))

    at = tuple(jnp.asarray(v) for v in (4.0, 0.5, 1.0))
    check_grads(evidence, at, order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


def test_labels_twice_are_labels_once_and_functions_on_grids(x64):
    once = SOFTMAX.condition(Labels(X, CLASSES))
    twice = SOFTMAX.condition(Labels(X[:5], CLASSES[:5])).condition(Labels(X[5:], CLASSES[5:]))
    np.testing.assert_allclose(twice.marginal(on=Z).mean, once.marginal(on=Z).mean, atol=1e-12)
    grid = Grid(Interval(0, 1), 5)
    on_grid = BINARY.condition(Labels(grid, np.arange(5) > 2)).probabilities(on=grid)
    assert on_grid.discretization == grid
    assert (np.diff(on_grid.values[:, 0]) > 0).all()


def test_evidence_of_labels_is_tuned(x64):
    start = GaussianProcess(0.1 * SquaredExponential(3.0), channels=3)
    tuned = tune(start, Labels(X, CLASSES), key=jax.random.key(0), restarts=0)
    assert tuned.evidence > tuned.history[0][0] + 1 and tuned.noise == (None,)
    found = tuned.process.log_density(tuned.observations)
    np.testing.assert_allclose(found, tuned.evidence, rtol=1e-9)


def test_certain_labels_converge_in_single_precision():
    sure = GaussianProcess(400.0 * SquaredExponential(0.3), channels=3)
    found = sure.condition(Labels(X.astype(np.float32), CLASSES)).probabilities(on=X)
    assert found.dtype == jnp.float32 and (np.argmax(found, 1) == CLASSES).all()


ERRORS = {
    "integers, one for each point(.|\n)*float64 of shape .12.": lambda: Labels(X, 1.0 * CLASSES),
    "integers, one for each point(.|\n)*shape .11,": lambda: Labels(X, CLASSES[1:]),
    "not negative(.|\n)*a label -1": lambda: Labels(X, CLASSES - 1),
    "no masked points(.|\n)*found: +masked points": lambda: Labels(
        Points(Interval(0, 1), X[:, :1]).pad(13), np.ones(13, int)
    ),
    "more classes than the process has(.|\n)*below 2 for 1 channels(.|\n)*a label 2": lambda: (
        BINARY.condition(Labels(X, CLASSES))
    ),
    "labels and values are not observed of one(.|\n)*Labels, Values": lambda: BINARY.condition(
        [Labels(X, CLASSES > 0), Values(X, X[:, :1], 0.1)]
    ),
}


@pytest.mark.parametrize("message", ERRORS)
def test_bad_labels_say_what_to_do(message, x64):
    with pytest.raises(DataError, match=message):
        ERRORS[message]()


def test_without_enough_digits_there_is_no_mode():
    prior = GaussianProcess(1e7 * SquaredExponential(0.5), channels=3)
    with pytest.raises(SolverError, match="did not find the mode(.|\n)*up to 1.0e.07 in float32"):
        prior.condition(Labels(X.astype(np.float32), CLASSES))
    with jax.enable_x64(True):
        prior.condition(Labels(X, CLASSES))


def test_the_nodes_are_a_normal_law():
    nodes = _laplace_posterior._normal_nodes(10)
    assert nodes.shape == (512, 10)
    np.testing.assert_allclose(nodes.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(nodes.T @ nodes / 512, np.eye(10), atol=0.08)
