import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from riesz.errors import DataError, ModelError, SolverError
from riesz.kernels import Matern, Periodic, SquaredExponential, Tensor, Warped
from riesz.networks import Dense, Erf
from riesz.processes import (
    DeepKernelMachine,
    GaussianProcess,
    InducingPoints,
    Integrals,
    StudentTProcess,
    Values,
    _tune,
    tune,
)
from riesz.processes._hyperparameters import hyperparameters
from riesz.processes._starts import choose_rows, draw_starts

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
    return float(process.log_density(observations))


def test_evidence_is_differentiable_in_kernel_and_noise(data, x64):
    def value(length, variance, noise):
        process = GaussianProcess(variance * Matern(2.5, length_scale=length))
        observations = [
            Values(data.points[:5], data.values[:5], noise),
            Integrals(data.points[5:], jnp.ones((1, 35)), data.values[:1], 2 * noise),
        ]
        return process.log_density(observations)

    at = tuple(jnp.asarray(v) for v in (0.3, 1.5, 0.2))
    check_grads(jax.jit(value), at, order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


def test_tuning_finds_the_maximum_of_the_evidence(data, x64):
    start = GaussianProcess(0.1 * SquaredExponential(1.0, 3.0))
    tuned = tune(start, data, key=KEY, restarts=0)
    assert tuned.converged and tuned.gradient < 0.01 and tuned.used == 40
    assert "one start: whether there are higher maxima is unknown" in tuned.status
    assert len(tuned.history) == 1 and tuned.history[0][-1] == tuned.evidence
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


def test_screening_finds_what_an_ascent_from_the_given_values_misses(x64, monkeypatch):
    """A fast oscillation on a slow trend: from slow starts all of it but the trend is noise."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 25, (150, 1)), 0)
    y = 300 + 2 * x + 3 * np.sin(2 * np.pi * x) + 0.3 * rng.standard_normal(x.shape)
    values = Values((x - 12) / 7, (y - y.mean()) / y.std(), noise=0.1)
    start = GaussianProcess(Matern(2.5, jnp.ones(1)))
    alone = tune(start, values, key=KEY, restarts=0)
    assert alone.converged and alone.noise[0] > 0.1
    monkeypatch.setattr(_tune, "_SCREENED", 100)
    monkeypatch.setattr(_tune, "_STARTS", 32)
    found = tune(start, values, key=KEY)
    assert found.converged and found.evidence > alone.evidence + 20
    assert re.search(
        r"converged, .* [2-6] of 6 starts reached the best optimum of [0-9]+ obs", found.status
    )
    assert float(found.process.kernel.length_scale[0]) * 7 < 1.0
    again = tune(start, values, key=KEY)
    np.testing.assert_array_equal(found.history[0], again.history[0])
    text = str(found)
    assert f"log evidence {found.evidence:.6g} of 150" in text and "f64" not in text
    assert f"noise: {float(found.noise[0]):.6g}" in text


def test_starts_cover_the_scales_of_the_data(x64):
    rng = np.random.default_rng(4)
    x = np.c_[np.arange(0, 100.0, 0.5), rng.uniform(0, 1e-3, 200)]
    y = 1e5 * rng.standard_normal((200, 1))
    inner = Tensor(2.0 * Matern(2.5, 1.0, 5.0), Periodic(1.0), split=1)
    free = hyperparameters(GaussianProcess(inner), (Values(x, y, 1.0),), None, True)
    starts = np.exp(draw_starts(free, 64, KEY))
    names = ["matern length", "matern variance", "outer", "period", "circle", "periodic variance"]
    columns = dict(zip([*names, "noise"], starts.T, strict=True))
    spans = {k: (v.min(), v.max()) for k, v in columns.items()}
    assert 0.5 <= spans["matern length"][0] < 0.6 and 90 < spans["matern length"][1] <= 99.5
    assert spans["period"][1] <= 1e-3 and spans["circle"][1] > 2
    square = (y**2).mean()
    outer = spans["outer"][0] * 5.0, spans["outer"][1] * 5.0  # times the variance inside
    np.testing.assert_allclose(outer, (0.1 * square, 10 * square), rtol=0.2)
    np.testing.assert_allclose(spans["noise"], (1e-3 * y.std(), y.std()), rtol=0.2)


def test_clusters_keep_neighbours_together():
    x = np.random.default_rng(5).uniform(size=(4000, 1))
    rows = choose_rows([x[:1000], x[1000:]], 256, KEY)
    assert len(rows) == len(set(rows.tolist())) and 200 < len(rows) <= 256
    gaps = np.diff(np.sort(x[rows, 0]))
    spread = np.diff(np.sort(x[RNG.permutation(4000)[:256], 0]))
    assert np.median(gaps) < np.median(spread) / 2 and gaps.max() < 0.1


def test_named_numbers_stay(data, x64):
    start = GaussianProcess(1.5 * SquaredExponential(1.0))
    both = lambda process, values: (process.kernel.variance, values.noise)  # noqa: E731
    tuned = tune(start, data, key=KEY, restarts=0, fixed=both)
    assert (float(tuned.process.kernel.variance), float(tuned.noise[0])) == (1.5, 0.5)
    assert tuned.process.kernel.kernel.length_scale != 1.0
    with pytest.raises(DataError, match="names numbers of the process(.|\n)*process.kernel.length"):
        tune(start, data, key=KEY, fixed=lambda process, values: 3.0)


def test_weights_of_a_network_in_a_kernel_are_tuned_with_either_sign(data, x64):
    network = eqx.nn.MLP(1, 1, 2, 1, jnp.tanh, key=jax.random.key(2))
    start = GaussianProcess(Warped(Matern(2.5, 0.3), network))
    noise = lambda process, values: values.noise  # noqa: E731
    tuned = tune(start, data.rows(slice(15)), key=KEY, restarts=0, fixed=noise)
    before, after = (
        jax.tree.leaves(eqx.filter(p.kernel.function, eqx.is_array)) for p in (start, tuned.process)
    )
    assert any((np.asarray(old) < 0).any() for old in before)
    for old, new in zip(before, after, strict=True):
        assert (np.asarray(old) != np.asarray(new))[np.asarray(old) <= 0].all()


def test_means_are_tuned_with_either_sign(data, x64):
    class Line(eqx.Module):
        slope: jax.Array
        shift: jax.Array

        def __call__(self, x):
            return self.slope * x + self.shift

    def tuned(mean, values):
        kernel = lambda process, values: process.kernel  # noqa: E731
        start = GaussianProcess(0.01 * SquaredExponential(0.2), mean)
        return tune(start, values, key=KEY, restarts=0, fixed=kernel).process.mean

    x = data.points
    line = tuned(Line(jnp.asarray(0.5), jnp.asarray(0.0)), Values(x, 5 - 20 * x, 0.5))
    np.testing.assert_allclose((line.slope, line.shift), (-20, 5), rtol=1e-3)
    values = Values(x, np.full_like(data.values, -3.0), 0.5)
    np.testing.assert_allclose(tuned(1.0, values), -3, rtol=1e-3)
    assert float(tuned(0.0, values)) == 0  # no mean, as a kernel of variance zero is none


def test_of_many_observations_a_random_part_is_used(data, x64, monkeypatch):
    monkeypatch.setattr(_tune, "_MOST", 12)
    both = [Values(X[:30], data.values[:30], 0.1), Values(X[30:], data.values[30:], 0.2)]
    tuned = tune(TRUTH, both, key=KEY, restarts=0)
    assert tuned.used == 12
    assert [len(o.values) for o in tuned.observations] == [30, 10]
    part = _tune._subset(tuned.observations, 12, jax.random.split(KEY, 3)[1])
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
    with pytest.raises(SolverError, match="not finite at any start(.|\n)*none in 1 starts"):
        tune(fixed, Values(np.concatenate([X, X]), np.ones((80, 1))), key=KEY, restarts=0)
    noise = np.full(40, 0.1)
    kernel = Dense(1, 0.0, 0.0).kernel().nngp
    with pytest.raises(DataError, match="nothing is free(.|\n)*noise given as one number"):
        tune(GaussianProcess(kernel), Values(X, data.values, noise), key=KEY)
    network = Dense(1) >> Erf() >> Dense(1)
    with pytest.raises(ModelError, match="no evidence(.|\n)*DeepKernelMachine(.|\n)*learns in"):
        tune(DeepKernelMachine(network, 1.0), data, key=KEY)
    with pytest.raises(ModelError, match="found: +GaussianPosterior"):
        tune(TRUTH.condition(data), data, key=KEY)
