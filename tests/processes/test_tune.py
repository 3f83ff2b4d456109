import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from riesz.errors import DataError, SolverError
from riesz.kernels import Matern, SquaredExponential
from riesz.networks import Dense, Erf
from riesz.processes import (
    GaussianProcess,
    InducingPoints,
    Integrals,
    StudentTProcess,
    Values,
    _tune,
    tune,
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(40, 1))
TRUTH = GaussianProcess(1.5 * SquaredExponential(0.2))
NOISE = 0.1


@pytest.fixture(scope="module")
def data():
    with jax.enable_x64(True):
        f = np.asarray(TRUTH.sample(1, on=X, key=jax.random.key(5)))[0]
        yield Values(X, f + NOISE * RNG.standard_normal(f.shape), 0.5)


def evidence(process, observations):
    return float(process.log_evidence(observations))


def test_evidence_is_differentiable_in_kernel_and_noise(data, x64):
    def value(length, variance, noise):
        process = GaussianProcess(variance * Matern(2.5, length_scale=length))
        observations = [
            Values(data.points[:5], data.values[:5], noise),
            Integrals(data.points[5:], jnp.ones((1, 35)), data.values[:1], 2 * noise),
        ]
        return process.log_evidence(observations)

    at = tuple(jnp.asarray(v) for v in (0.3, 1.5, 0.2))
    check_grads(jax.jit(value), at, order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


def test_tuning_finds_the_maximum_of_the_evidence(data, x64):
    start = GaussianProcess(0.1 * SquaredExponential(1.0, 3.0))
    tuned = tune(start, data, key=KEY)
    assert tuned.converged and "CONVERGENCE" in tuned.status and tuned.used == 40
    assert len(tuned.history) == 2 and max(h[-1] for h in tuned.history) == tuned.evidence
    np.testing.assert_allclose(tuned.history[0][0], evidence(start, data), rtol=1e-10)
    found = evidence(tuned.process, tuned.observations)
    np.testing.assert_allclose(found, tuned.evidence, rtol=1e-10)
    truth = evidence(TRUTH, eqx.tree_at(lambda o: o.noise, data, jnp.asarray(NOISE)))
    assert found > truth > tuned.history[0][0]
    for factor in (0.8, 1.25):  # every direction leads down
        kernel = tuned.process.kernel
        length = kernel.kernel.length_scale * factor
        other = eqx.tree_at(lambda k: k.kernel.length_scale, kernel, length)
        assert evidence(GaussianProcess(other), tuned.observations) < found
        (noisy,) = (eqx.tree_at(lambda o: o.noise, o, o.noise * factor) for o in tuned.observations)
        assert evidence(tuned.process, noisy) < found
    np.testing.assert_allclose(tuned.noise[0], NOISE, rtol=0.4)
    np.testing.assert_allclose(tuned.process.kernel.kernel.length_scale, 0.2, rtol=0.4)


def test_what_is_zero_infinite_or_given_point_by_point_stays(data, x64):
    noise = np.full(40, 0.3)
    kernel = SquaredExponential(jnp.asarray([jnp.inf]), 1.0) + SquaredExponential(0.5)
    network = Dense(8, 1.5, 0.0) >> Erf() >> Dense(1, 1.2, 0.3)
    start = GaussianProcess(kernel + network.kernel().nngp)
    tuned = tune(start, Values(X, data.values, noise), key=KEY, restarts=0)
    found = tuned.process.kernel
    assert found.left.left.length_scale == jnp.inf
    first, _, last = found.right.network.links
    assert first.b_std == 0.0 and isinstance(first.b_std, float)
    assert isinstance(last.b_std, jax.Array) and last.b_std != 0.3
    np.testing.assert_array_equal(tuned.noise[0], noise)
    assert tuned.evidence > tuned.history[0][0]


def test_restarts_leave_a_poor_maximum_and_depend_on_the_key(data, x64):
    """Started from noise alone, the ascent from the given values stays with noise alone."""
    start = GaussianProcess(1e-3 * SquaredExponential(1e-3))
    noisy = Values(X, data.values, 1.0)
    alone = tune(start, noisy, key=KEY, restarts=0)
    several = tune(start, noisy, key=jax.random.key(3), restarts=3)
    assert several.evidence > alone.evidence + 10
    other = tune(start, noisy, key=jax.random.key(4), restarts=1)
    np.testing.assert_array_equal(several.history[0], other.history[0])
    assert several.history[1][0] != other.history[1][0]


def test_of_many_observations_a_random_part_is_used(data, x64, monkeypatch):
    monkeypatch.setattr(_tune, "_MOST", 12)
    both = [Values(X[:30], data.values[:30], 0.1), Values(X[30:], data.values[30:], 0.2)]
    tuned = tune(TRUTH, both, key=KEY, restarts=0)
    assert tuned.used == 12
    assert [len(o.values) for o in tuned.observations] == [30, 10]
    part = _tune._subset(list(tuned.observations), jax.random.split(KEY)[1])
    assert sum(len(o.values) for o in part) == 12
    np.testing.assert_allclose(evidence(tuned.process, part), tuned.evidence, rtol=1e-9)


def test_the_bound_of_inducing_points_is_tuned_on_all(data, x64, monkeypatch):
    monkeypatch.setattr(_tune, "_MOST", 12)
    tuned = tune(TRUTH, data, key=KEY, solver=InducingPoints(X[:15]), restarts=0)
    assert tuned.used == 40
    assert evidence(tuned.process, tuned.observations) > tuned.evidence > tuned.history[0][0]


def test_processes_that_hold_a_gaussian_one_are_tuned(data, x64):
    start = StudentTProcess(GaussianProcess(SquaredExponential(1.0)), 2.0, 2.0)
    tuned = tune(start, data, key=KEY, restarts=0)
    found = evidence(tuned.process, tuned.observations)
    np.testing.assert_allclose(found, tuned.evidence, rtol=1e-9)
    assert found > tuned.history[0][0] + 10
    assert (tuned.process.shape, tuned.process.scale) == (2.0, 2.0)


def test_single_precision_turns_back_from_indefinite_matrices(data):
    """The maximum lies at noise zero, where covariances in float32 have no factor."""
    with jax.enable_x64(False):
        x = np.asarray(X, np.float32)
        start = GaussianProcess(SquaredExponential(0.5))
        tuned = tune(start, Values(x, np.sin(3 * x), 0.1), key=KEY, restarts=0)
    assert np.isfinite(tuned.evidence) and tuned.evidence > tuned.history[0][0] + 50
    assert tuned.noise[0].dtype == jnp.float32 and tuned.noise[0] < 0.02


def test_tuning_says_what_it_needs(data, x64):
    fixed = GaussianProcess(SquaredExponential(jnp.inf, 1.0))
    with pytest.raises(SolverError, match="not finite at any start(.|\n)*none in 2 starts"):
        tune(fixed, Values(np.concatenate([X, X]), np.ones((80, 1))), key=KEY)
    noise = np.full(40, 0.1)
    kernel = Dense(1, 0.0, 0.0).kernel().nngp
    with pytest.raises(DataError, match="nothing is free(.|\n)*noise given as one number"):
        tune(GaussianProcess(kernel), Values(X, data.values, noise), key=KEY)
