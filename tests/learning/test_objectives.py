"""Objectives recover what is known, and every objective is fitted with all that `fit` can do."""

import functools
import signal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import RelativeLoss, Stream, fit, recipe
from riesz._core.parameters import KIND, POSITIVE
from riesz.domains import Grid, Interval, Torus
from riesz.errors import DataError, RieszError, RunError
from riesz.functions import Function, Pairs, _pairs, batch
from riesz.kernels import Constant
from riesz.learning import Status
from riesz.learning import _run as implementation
from riesz.objectives import (
    FlowMatching,
    Likelihood,
    Residual,
    Rollout,
    Supervised,
)
from riesz.operators import FNO, Normalised, training_scale
from riesz.processes import GaussianProcess

KEY = jax.random.key(0)
GRID = Grid(Torus(0.0, 1.0), 4)


def run(model, data=None, objective=None, **options):
    defaults = {"key": KEY, "progress": False, "steps": 300, "weight_decay": 0.0}
    return fit(model, data, objective, **{**defaults, **options})


def same(first, second):
    pairs = zip(jax.tree.leaves(first.model), jax.tree.leaves(second.model), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs if eqx.is_array(a))


class Gaussian(eqx.Module):
    """A normal distribution of numbers."""

    mean: jax.Array
    deviation: jax.Array = eqx.field(metadata={KIND: POSITIVE})

    def log_density(self, x):
        z = (x - self.mean) / self.deviation
        return -0.5 * z**2 - jnp.log(self.deviation) - 0.5 * jnp.log(2 * jnp.pi)

    def default_objective(self):
        return Likelihood()


def gaussian():
    return Gaussian(jnp.zeros(()), jnp.ones(()))


@functools.cache
def numbers():
    return np.random.default_rng(0).normal(2.0, 0.05, 400).astype(np.float32)


def test_a_likelihood_recovers_mean_and_deviation():
    held = numbers()  # of which the kept weights have the highest likelihood
    fitted = run(gaussian(), numbers(), validation=held, batch_size=400, learning_rate=0.05)
    np.testing.assert_allclose(fitted.model.mean, numbers().mean(), atol=2e-3)
    np.testing.assert_allclose(fitted.model.deviation, numbers().std(), rtol=0.03)
    # entropy of the fitted density at the held-out numbers
    exact = -np.mean([gaussian_at(fitted, x) for x in held])
    np.testing.assert_allclose(fitted.validation_error, exact, rtol=1e-4)


def gaussian_at(fitted, x):
    m, s = float(fitted.model.mean), float(fitted.model.deviation)
    return -0.5 * ((x - m) / s) ** 2 - np.log(s) - 0.5 * np.log(2 * np.pi)


def test_a_positive_parameter_stays_positive():
    """Steps of its logarithm: one of the number itself would cross zero."""
    narrow = np.random.default_rng(0).normal(0.0, 1e-3, 200).astype(np.float32)
    fitted = run(
        gaussian(), narrow, learning_rate=0.1, steps=3000, batch_size=200, validation=narrow
    )
    assert fitted.status is Status.finished
    np.testing.assert_allclose(fitted.model.deviation, 1e-3, rtol=0.2)


class Field(eqx.Module):
    """x (1 - x) N(x): zero at both ends, whatever the network."""

    network: eqx.nn.MLP

    def __call__(self, x):
        return x * (1 - x) * self.network(x)


def field():
    return Field(eqx.nn.MLP("scalar", "scalar", 16, 2, jnp.tanh, key=KEY))


def poisson(u, key):
    """-u'' - pi^2 sin(pi x), relative to pi^2; u = sin(pi x) has none."""
    x = jax.random.uniform(key, (64,))
    return -jax.vmap(jax.grad(jax.grad(u)))(x) / jnp.pi**2 - jnp.sin(jnp.pi * x)


def test_a_residual_solves_poisson():
    fitted = run(field(), objective=Residual(poisson), steps=1000)
    x = jnp.linspace(0, 1, 65)
    error = jnp.abs(jax.vmap(fitted.model)(x) - jnp.sin(jnp.pi * x)).max()
    assert error < 2e-3
    assert fitted.kept > 0


def test_parts_are_recorded_and_shown(capsys, monkeypatch):
    monkeypatch.setattr("riesz._core.progress._LINE_SECONDS", 0.0)
    monkeypatch.setattr("riesz._core.progress._PATIENCE", 0.0)

    def residual(u, key):
        return {"interior": poisson(u, key), "start": jax.grad(u)(0.0) - jnp.pi}

    fitted = run(field(), objective=Residual(residual), steps=60, progress=True)
    assert "  interior 0." in capsys.readouterr().err
    for record in fitted.history:
        assert [name for name, _ in record.parts] == ["interior", "start"]
        np.testing.assert_allclose(sum(dict(record.parts).values()), record.loss, rtol=1e-5)


class Linear(eqx.Module):
    """A matrix on the values of a function."""

    matrix: jax.Array

    def __call__(self, u):
        return Function(self.matrix @ u.values, u.discretization, u.space)


@functools.cache
def trajectories(times=6, count=40):
    """Steps of a rotation with damping."""
    random = np.random.default_rng(0)
    matrix = 0.9 * np.linalg.qr(random.standard_normal((4, 4)))[0]
    values = [random.standard_normal((count, 4, 1))]
    for _ in range(times - 1):
        values.append(matrix @ values[-1])
    values = np.stack(values, 1).astype(np.float32)
    return jax.vmap(lambda u: batch(u, GRID))(values), matrix


def test_a_linear_rollout_recovers_the_matrix():
    data, matrix = trajectories()
    loss = lambda v, u: jnp.mean((v.values - u.values) ** 2)  # noqa: E731
    start = Linear(jnp.zeros((4, 4)))
    fitted = run(start, data, Rollout(loss, 3), steps=400, learning_rate=0.03)
    np.testing.assert_allclose(fitted.model.matrix, matrix, atol=1e-3)


def test_the_value_of_a_rollout_is_the_mean_over_its_steps():
    data, matrix = trajectories()
    loss = lambda v, u: jnp.mean((v.values - u.values) ** 2)  # noqa: E731
    whole = Rollout(loss, 5)  # the first time is the only start
    found = whole(Linear(jnp.eye(4)), data, KEY)
    values = np.asarray(data.values)
    np.testing.assert_allclose(found, np.mean((values[:, 1:] - values[:, :1]) ** 2), rtol=1e-5)
    assert whole(Linear(jnp.asarray(matrix, jnp.float32)), data, KEY) < 1e-10


def test_an_operator_is_rolled_out_between_normalised_states():
    data, _ = trajectories()
    shifted = eqx.tree_at(lambda f: f.values, data, 100 + 10 * data.values)
    network = FNO(data.space, data.space, modes=1, width=4, layers=1, key=KEY)
    fitted = run(network, shifted, Rollout(RelativeLoss(), 2), steps=50)
    assert isinstance(fitted.model, Normalised)
    scale = training_scale(fitted.model)
    assert abs(float(scale.mean.value[0]) - 100) < 3
    assert fitted.validation_error < fitted.history[0].validation


class Velocity(eqx.Module):
    """A velocity of constant functions."""

    network: eqx.nn.MLP

    def __call__(self, u, t):
        v = self.network(jnp.stack([u.values.mean(), t]))
        return Function(jnp.broadcast_to(v, u.values.shape), u.discretization, u.space)


def test_flow_matching_recovers_mean_and_variance():
    levels = np.random.default_rng(0).normal(2.0, 0.5, (500, 1, 1)).astype(np.float32)
    data = batch(np.broadcast_to(levels, (500, 4, 1)), GRID)
    noise = GaussianProcess(Constant(1.0))  # constant functions too
    start = Velocity(eqx.nn.MLP(2, 1, 32, 2, jnp.tanh, key=KEY))
    objective = FlowMatching(noise)
    fitted = run(start, data, objective, steps=1000, batch_size=64, learning_rate=1e-2)
    u = noise.sample(2000, on=GRID, key=jax.random.key(3))

    @jax.jit
    def step(u, t):  # Heun's rule for du/dt = v(u, t)
        velocity = jax.vmap(lambda f: fitted.model(f, t).values)
        first = velocity(u)
        ahead = eqx.tree_at(lambda f: f.values, u, u.values + first / 20)
        second = jax.vmap(lambda f: fitted.model(f, t + 0.05).values)(ahead)
        return eqx.tree_at(lambda f: f.values, u, u.values + (first + second) / 40)

    for t in np.arange(20, dtype=np.float32) / 20:
        u = step(u, t)
    found = np.asarray(u.values)[:, 0, 0]
    np.testing.assert_allclose(found.mean(), levels.mean(), atol=0.08)
    np.testing.assert_allclose(found.std(), levels.std(), rtol=0.12)


def test_flow_matching_has_the_value_of_its_formula():
    """With v = 0 and constant data c: E (c - u_0)^2 = c^2 + 1."""
    zero = lambda u, t: u * 0.0  # noqa: E731
    data = batch(np.full((20000, 4, 1), 2.0, np.float32), GRID)
    found = FlowMatching(GaussianProcess(Constant(1.0)))(zero, data, KEY)
    np.testing.assert_allclose(found, 5.0, rtol=0.02)


def test_a_stream_gives_fresh_samples_that_depend_on_the_step_only():
    def draw(key, n):
        return 2 + 0.05 * jax.random.normal(key, (n,))

    options = {"learning_rate": 0.05, "batch_size": 64}
    fitted = run(gaussian(), Stream(draw), **options)
    np.testing.assert_allclose(fitted.model.mean, 2, atol=0.01)
    np.testing.assert_allclose(fitted.model.deviation, 0.05, rtol=0.1)
    assert same(run(gaussian(), Stream(draw), **options), fitted)


@functools.cache
def curves():
    turns = np.random.default_rng(0).random((40, 1))
    grid = Grid(Torus(0.0, 1.0), 16)
    values = np.cos(2 * np.pi * (np.asarray(grid.coordinates)[:, 0] + turns))
    values = values.astype(np.float32)[..., None]
    return Pairs(batch(values, grid), batch(values**2, grid))


def fno():
    space = curves().input_space
    return FNO(space, space, modes=3, width=4, layers=1, coordinates=False, key=KEY)


def test_an_operator_learns_from_a_stream_of_pairs():
    def draw(key, n):
        grid = Grid(Torus(0.0, 1.0), 16)
        waves = jnp.cos(2 * jnp.pi * (grid.coordinates + jax.random.uniform(key, (n, 1, 1))))
        return Pairs(batch(waves, grid), batch(waves**2, grid))

    fitted = run(fno(), Stream(draw), steps=100)
    assert isinstance(fitted.model, Normalised)
    assert fitted.validation_error < 0.7 * fitted.history[0].validation


CASES = {
    "likelihood": lambda: (gaussian(), numbers(), None),
    "stream": lambda: (gaussian(), Stream(lambda key, n: 1 + jax.random.normal(key, (n,))), None),
    "residual": lambda: (field(), None, Residual(lambda u, k: {"all": poisson(u, k)})),
    "rollout": lambda: (Linear(jnp.eye(4)), trajectories()[0], Rollout(RelativeLoss(), 2)),
    "function": lambda: (Linear(jnp.eye(4)), curves_of_four(), squares),
}


def curves_of_four():
    return {"u": jnp.asarray(trajectories()[0].values[:, 0])}


def squares(model, samples, key):
    moved = samples["u"] + 0.1 * jax.random.normal(key, samples["u"].shape)
    return jnp.mean((model.matrix @ moved) ** 2)


def interrupted_and_resumed(make, folder, monkeypatch, **options):
    """A fit without interruption, one that was interrupted, and the same one resumed."""
    original = implementation.make_batches

    def interrupting(data, size, key, start):
        for number, part in enumerate(original(data, size, key, start), start):
            if number == 33:
                signal.raise_signal(signal.SIGINT)
            yield part

    whole = run(*make(), steps=60, **options)
    monkeypatch.setattr(implementation, "make_batches", interrupting)
    stopped = run(*make(), steps=60, folder=folder, **options)
    assert stopped.status is Status.interrupted
    monkeypatch.setattr(implementation, "make_batches", original)
    resumed = run(*make(), steps=60, folder=folder, **options)
    assert resumed.status is Status.finished
    assert same(resumed, whole)
    assert not same(resumed, stopped)
    unlike = [(a.loss, a.validation, a.parts) for a in resumed.history]
    assert unlike == [(a.loss, a.validation, a.parts) for a in whole.history]
    return whole


@pytest.mark.parametrize("name", CASES)
def test_every_objective_resumes_to_the_same_weights(name, tmp_path, monkeypatch):
    interrupted_and_resumed(CASES[name], tmp_path, monkeypatch)


class OnDisk:
    """Functions, or trajectories of functions, of a file, of which rows are read; counts them."""

    def __init__(self, path, functions):
        np.save(path, np.asarray(functions.values))
        self.path, self.like, self.most = path, functions, 0

    def __len__(self):
        return len(np.load(self.path, mmap_mode="r"))

    def __getitem__(self, index):
        values = np.asarray(np.load(self.path, mmap_mode="r")[index])
        self.most = max(self.most, len(values))
        at = jax.tree.map(lambda leaf: leaf[index], self.like.discretization)
        return eqx.tree_at(lambda f: (f.values, f.discretization), self.like, (values, at))


ON_DISK = {
    "rollout": lambda f: (Linear(jnp.eye(4)), f(trajectories()[0]), Rollout(RelativeLoss(), 2)),
    "flow": lambda f: (
        Velocity(eqx.nn.MLP(2, 1, 4, 1, key=KEY)),
        f(batch(trajectories()[0].values[:, 0], GRID)),
        FlowMatching(GaussianProcess(Constant(1.0))),
    ),
    "function": lambda f: (
        Linear(jnp.eye(4)),
        f(batch(trajectories()[0].values[:, 0], GRID)),
        lambda model, u, key: squares(model, {"u": u.values}, key),
    ),
}


@pytest.mark.parametrize("name", ON_DISK)
def test_every_objective_learns_from_data_larger_than_memory(name, tmp_path, monkeypatch):
    monkeypatch.setattr(_pairs, "_PIECE_FLOATS", 8 * ON_DISK[name](lambda f: f)[1].values[0].size)
    monkeypatch.setattr(implementation, "_VALIDATED", 3)
    files = []

    def on_disk(functions):
        files.append(OnDisk(tmp_path / "values.npy", functions))
        return files[-1]

    make = lambda: ON_DISK[name](on_disk)  # noqa: E731
    whole = interrupted_and_resumed(make, tmp_path / "fit", monkeypatch, batch_size=8)
    assert same(whole, run(*ON_DISK[name](lambda f: f), steps=60, batch_size=8))
    assert [f.most for f in files] == [8] * len(files)


def test_a_folder_belongs_to_one_objective(tmp_path):
    data = curves_of_four()
    run(Linear(jnp.eye(4)), data, squares, steps=5, folder=tmp_path)
    with pytest.raises(RunError, match="another fit"):
        run(Linear(jnp.eye(4)), data, lambda m, b, k: squares(m, b, k), steps=5, folder=tmp_path)


def scaled(factor):
    return lambda model, batch, key: factor * squares(model, batch, key)


def test_a_folder_notices_another_code_of_a_function(tmp_path):
    def go(objective, folder):
        run(Linear(jnp.eye(4)), curves_of_four(), objective, steps=5, folder=tmp_path / folder)

    go(lambda m, b, k: 1.0 * squares(m, b, k), "code")
    go(lambda m, b, k: 1.0 * squares(m, b, k), "code")
    with pytest.raises(RunError, match="another fit"):
        go(lambda m, b, k: 2.0 * squares(m, b, k), "code")
    go(scaled(1.0), "closure")
    go(scaled(1.0), "closure")
    with pytest.raises(RunError, match="another fit"):
        go(scaled(2.0), "closure")


def test_a_budget_patience_and_divergence_of_a_residual():
    objective = Residual(poisson)
    fitted = run(field(), objective=objective, steps=None, time_budget=3.0)
    assert fitted.status is Status.time_spent
    still = run(field(), objective=objective, learning_rate=1e-12, patience=2, steps=900)
    assert still.status is Status.stopped_early
    broken = lambda u, key: jnp.sqrt(u.network.layers[0].bias - 1.0)  # noqa: E731
    with pytest.raises(RunError, match="NaN or infinite values before the first step"):
        run(field(), objective=Residual(broken), steps=5)


def test_micro_batches_average_values_parts_and_gradients(monkeypatch):
    from riesz.operators import _apply

    def mean(model, samples, key):
        value = jnp.mean((model.matrix @ samples["u"] - 1) ** 2)
        return value, {"twice": 2 * value}

    def fitted():
        jax.clear_caches()  # sizes of micro-batches are read when a program is traced
        return run(Linear(jnp.eye(4)), curves_of_four(), mean, steps=20, batch_size=8)

    whole = fitted()
    monkeypatch.setattr(_apply, "_STEP_FLOATS", 2 * 4 * 32)
    parts = fitted()
    assert not same(whole, parts)  # by rounding only
    np.testing.assert_allclose(parts.model.matrix, whole.model.matrix, atol=1e-4)
    np.testing.assert_allclose(dict(parts.history[-1].parts)["twice"], 2 * parts.history[-1].loss)


def test_a_recipe_gives_the_settings_and_arguments_win():
    made = recipe(curves(), steps=30).replace(batch_size=8, learning_rate=1e-3, h1=0.0)
    options = {"batch_size": 8, "learning_rate": 1e-3, "weight_decay": made.weight_decay}
    by_hand = run(fno(), curves(), Supervised(RelativeLoss(1.0, 0.0)), **{**options, "steps": 30})
    by_recipe = fit(fno(), curves(), recipe=made, key=KEY, progress=False)
    assert same(by_hand, by_recipe)
    other = fit(fno(), curves(), recipe=made, learning_rate=2e-3, key=KEY, progress=False)
    assert not same(other, by_recipe)


def test_defaults_are_those_of_the_recipe():
    made = recipe(curves(), steps=20)
    assert same(
        fit(fno(), curves(), steps=20, key=KEY, progress=False),
        fit(fno(), curves(), recipe=made, key=KEY, progress=False),
    )
    assert fit(fno(), curves()[:12], key=KEY, progress=False).steps == 300


@pytest.mark.parametrize(
    ("model", "data", "objective", "text"),
    [
        (lambda: Linear(jnp.eye(4)), curves_of_four, None, "needs an objective"),
        (lambda: FNO, curves, None, r"needs an objective(.|\n)*the class FNO"),
        (fno, lambda: None, None, "pairs of functions"),
        (fno, lambda: trajectories()[0], None, "pairs of functions"),
        (field, curves, Residual(poisson), "a residual needs no data"),
        (lambda: Linear(jnp.eye(4)), lambda: None, Rollout(RelativeLoss(), 2), "trajectories"),
        (fno, lambda: curves().inputs, Rollout(RelativeLoss(), 2), r"T > 2(.|\n)*\(1, 16, 1\)"),
        (fno, lambda: trajectories()[0], Rollout(RelativeLoss(), 6), "T > 6"),
        (field, curves, Likelihood(), "log_density"),
        (fno, curves, FlowMatching(None), "flow matching needs functions"),
        (lambda: Linear(jnp.eye(4)), curves_of_four, lambda m, b, k: b["u"], "a real number"),
        (lambda: Linear(np.eye(4)), curves_of_four, lambda m, b, k: 1.0, "a real number"),
        (lambda: eqx.nn.Identity(), curves_of_four, squares, "no parameters"),
        (gaussian, lambda: {"a": np.ones(3), "b": np.ones(4)}, None, "one entry per sample"),
        (gaussian, lambda: Function(jnp.ones((4, 1)), GRID), None, "one entry per sample"),
        (gaussian, lambda: np.full(30, np.nan, np.float32), None, r"NaN(.|\n)*sample 0"),
    ],
)
def test_what_makes_no_fit_is_said(model, data, objective, text):
    with pytest.raises(RieszError, match=text):
        run(model(), data(), objective, steps=2)


def test_a_sample_alone_is_no_batch():
    with pytest.raises(DataError, match="one length along their first axis"):
        run(gaussian(), np.float32(1.0))


def test_interval_is_a_domain_of_flows_too():
    grid = Grid(Interval(0.0, 2.0), 5)
    zero = lambda u, t: u * 0.0  # noqa: E731
    data = batch(np.full((4000, 5, 1), 1.0, np.float32), grid)
    found = FlowMatching(GaussianProcess(Constant(1.0)))(zero, data, KEY)
    np.testing.assert_allclose(found, 2.0, rtol=0.06)
