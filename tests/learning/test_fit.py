"""Fits: reproducible, resumable, honest about how they end."""

import functools
import re
import signal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz import open_pairs, write_pairs
from riesz.domains import Box, Grid, Points, Space, Torus
from riesz.errors import RunError
from riesz.functions import Function, Pairs, Reflection, Translation, _pairs, batch
from riesz.learning import RelativeLoss, Status, fit
from riesz.learning import _run as implementation
from riesz.learning._losses import slope_norm
from riesz.objectives import Supervised
from riesz.operators import FNO, Frozen

KEY = jax.random.key(0)
GRID = Grid(Torus(0.0, 1.0), 16)
SPACE = Space(GRID.domain)


@functools.cache
def pairs(count=40, scale=1.0):
    """Inputs are random waves; outputs their squares."""
    turns = np.random.default_rng(0).random((count, 1))
    x = np.asarray(GRID.coordinates)[:, 0]
    values = scale * np.cos(2 * np.pi * (x + turns)).astype(np.float32)[..., None]
    return Pairs(batch(values, GRID), batch(values**2, GRID))


@functools.cache
def network():
    return FNO(SPACE, SPACE, modes=3, width=4, layers=1, coordinates=False, key=KEY)


def run(**options):
    defaults = {"key": KEY, "steps": 60, "batch_size": 4, "progress": False, "learning_rate": 1e-2}
    defaults |= {"weight_decay": 1e-4}
    objective = Supervised(RelativeLoss(), options.pop("symmetries", ()))
    data = options.pop("data", pairs())
    return fit(network(), data, objective, **{**defaults, **options})


def weights(fitted):
    return [np.asarray(x) for x in jax.tree.leaves(eqx.filter(fitted.model, eqx.is_array))]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@functools.cache
def uninterrupted():
    return run()


def test_a_fit_learns_and_reports():
    fitted = uninterrupted()
    assert fitted.status is Status.finished
    assert fitted.steps == 60
    first, last = fitted.history[0], fitted.history[-1]
    assert last.step == 60
    assert last.validation < 0.7 * first.validation
    assert fitted.validation_error == min(r.validation for r in fitted.history)


def test_the_same_key_gives_the_same_weights():
    assert same(run(), uninterrupted())
    assert not same(run(key=jax.random.key(1)), uninterrupted())


@pytest.mark.parametrize("at", [7, 41])
def test_an_interrupted_fit_resumes_to_the_same_weights(tmp_path, monkeypatch, at):
    original = implementation.make_batches

    def interrupting(pairs, size, key, start):
        for number, part in enumerate(original(pairs, size, key, start), start):
            if number == at:
                signal.raise_signal(signal.SIGINT)  # in the middle of a step
            yield part

    monkeypatch.setattr(implementation, "make_batches", interrupting)
    stopped = run(folder=tmp_path)
    assert stopped.status is Status.interrupted
    assert stopped.steps == at + 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr(implementation, "make_batches", original)
    resumed = run(folder=tmp_path)
    assert resumed.status is Status.finished
    assert same(resumed, uninterrupted())
    assert [r.step for r in resumed.history] == [r.step for r in uninterrupted().history]


def test_a_second_interruption_stops_at_once_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    original = implementation.make_batches

    def impatient(pairs, size, key, start):
        for number, part in enumerate(original(pairs, size, key, start), start):
            if number == 30:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            yield part

    monkeypatch.setattr(implementation, "make_batches", impatient)
    with pytest.raises(KeyboardInterrupt):
        run(folder=tmp_path, checkpoint_every=0.0)
    monkeypatch.setattr(implementation, "make_batches", original)
    assert same(run(folder=tmp_path), uninterrupted())


def test_a_finished_folder_is_not_trained_again(tmp_path):
    run(folder=tmp_path)
    again = run(folder=tmp_path)
    assert again.steps == 60
    assert same(again, uninterrupted())


def test_a_folder_of_another_fit_is_refused(tmp_path):
    run(folder=tmp_path)
    with pytest.raises(RunError, match=r"another fit(.|\n)*steps = 61(.|\n)*= 60(.|\n)*repair"):
        run(folder=tmp_path, steps=61)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    run(folder=tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"checkpoint cannot be used(.|\n)*checksum(.|\n)*delete"):
        run(folder=tmp_path)


def test_divergence_keeps_the_best_weights():
    fitted = run(steps=400, optimiser=explode_after(120))
    assert fitted.status is Status.diverged
    assert all(np.isfinite(x).all() for x in weights(fitted))
    assert np.isfinite(fitted.validation_error)


def explode_after(steps):
    """Adam whose updates become infinite."""
    import optax

    def blow(count):
        return jnp.where(count < steps, -1e-3, jnp.inf)

    return optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(blow))


def test_early_stopping(tmp_path):
    options = {"steps": 4000, "learning_rate": 1e-9, "patience": 3, "folder": tmp_path}
    fitted = run(**options)
    assert fitted.status is Status.stopped_early
    assert fitted.steps < 4000
    assert run(**options).steps == fitted.steps


def test_a_time_budget_ends_the_fit():
    fitted = run(steps=None, time_budget=4.0)
    assert fitted.status is Status.time_spent
    assert fitted.seconds < 30
    assert fitted.history


def test_another_time_budget_is_no_other_fit(tmp_path):
    first = run(steps=None, time_budget=2.0, folder=tmp_path)
    again = run(steps=None, time_budget=3.0, folder=tmp_path)
    assert again.status is Status.time_spent
    assert again.steps == first.steps


def test_constants_are_not_trained():
    def statistics(operator):
        leaves = jax.tree.leaves(operator, is_leaf=lambda x: isinstance(x, Frozen))
        return [np.asarray(x.value) for x in leaves if isinstance(x, Frozen)]

    trained, data = statistics(uninterrupted().model), pairs()
    assert len(trained) == 4
    assert abs(float(trained[0][0])) < 0.05  # the mean of waves over their period
    np.testing.assert_allclose(trained[1], np.sqrt(0.5), rtol=1e-4)
    assert data.inputs.values.shape == (40, 16, 1)


def test_symmetries_that_the_grid_carries_are_used():
    fitted = run(symmetries=(Reflection(0), Translation(0)))
    assert fitted.status is Status.finished
    assert not same(fitted, uninterrupted())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 0}, "at least one step"),
        ({"time_budget": -1.0, "steps": None}, "positive time budget"),
        ({"batch_size": 0}, "positive batch size"),
        ({"data": jax.tree.map(lambda v: v * jnp.nan, pairs())}, "NaN or infinite"),
    ],
)
def test_bad_arguments_are_refused(options, text):
    with pytest.raises(RunError, match=text):
        run(**options)


def test_plain_progress_lines(capsys, monkeypatch):
    monkeypatch.setattr("riesz._core.progress._LINE_SECONDS", 0.0)
    monkeypatch.setattr("riesz._core.progress._PATIENCE", 0.0)
    run(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "finished: all steps were taken (60 steps" in shown.err
    assert re.search(r"step 60  loss 0.\d+  validation 0.\d+  \d+.\d steps/s  0 s left", shown.err)


def test_relative_loss_is_a_ratio_of_integrals():
    grid = Grid(Torus(0.0, 2 * np.pi), 32)
    data = Pairs(*[batch(np.zeros((1, 32, 1), np.float32), grid)] * 2)
    zero = jax.tree.map(lambda x: x[0], data.inputs)
    x = zero.discretization.coordinates
    truth = eqx.tree_at(lambda f: f.values, zero, jnp.sin(x))
    guess = eqx.tree_at(lambda f: f.values, zero, jnp.sin(x) + 0.1 * jnp.sin(2 * x))
    np.testing.assert_allclose(RelativeLoss()(guess, truth), 0.1, rtol=1e-5)
    slope = 0.2 * np.cos(np.pi / 32)  # of chords
    np.testing.assert_allclose(RelativeLoss(l2=0.0, h1=1.0)(guess, truth), slope, rtol=1e-4)
    np.testing.assert_allclose(RelativeLoss(1.0, 0.5)(guess, truth), 0.1 + slope / 2, rtol=1e-4)
    assert np.isfinite(jax.grad(lambda f: RelativeLoss(1.0, 1.0)(f, truth))(truth).values).all()
    with pytest.raises(RunError, match="must not be negative"):
        RelativeLoss(l2=-1.0)


@pytest.mark.parametrize("nodes", ["vertex", "left", "right", "centre", "chebyshev"])
def test_slopes_converge_to_the_seminorm(nodes):
    square = Box((0.0, 0.0), (1.0, 2.0))

    def error(size):
        f = Function.from_callable(lambda x, y: jnp.sin(2 * x) * y**2, Grid(square, size, nodes))
        # int 4 cos^2(2x) dx int y^4 dy + int sin^2(2x) dx int 4 y^2 dy
        exact = (2 + np.sin(4) / 2) * 32 / 5 + (0.5 - np.sin(4) / 8) * 32 / 3
        return abs(float(slope_norm(f)) / np.sqrt(exact) - 1)

    assert error(64) < 0.06
    assert error(128) < 0.6 * error(64)


def test_slopes_of_moved_and_scattered_functions():
    f = Function.from_callable(lambda x: jnp.sin(2 * np.pi * x), GRID)
    moved = Translation(0).apply(Reflection(0).apply(f, jnp.ones(())), jnp.array(0.3))
    np.testing.assert_allclose(slope_norm(moved), slope_norm(f), rtol=1e-5)
    np.testing.assert_allclose(slope_norm(f), np.sqrt(2) * np.pi, rtol=2e-2)
    points = Points(GRID.domain, np.linspace(0, 1, 40, endpoint=False)[:, None])
    scattered = Function.from_callable(lambda x: jnp.sin(2 * np.pi * x), points)
    np.testing.assert_allclose(slope_norm(scattered), np.sqrt(2) * np.pi, rtol=5e-2)


class Counting:
    """Pairs elsewhere, which counts the members that are read at once."""

    def __init__(self, source):
        self.source, self.most = source, 0

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        part = self.source[index]
        self.most = max(self.most, len(part))
        return part


def test_a_file_is_read_by_batches_and_gives_the_same_weights(tmp_path, monkeypatch):
    write_pairs(tmp_path / "data.h5", pairs())
    file = Counting(open_pairs(tmp_path / "data.h5"))
    monkeypatch.setattr(_pairs, "_PIECE_FLOATS", 8 * 32)  # 8 members
    monkeypatch.setattr(implementation, "_VALIDATED", 3)
    assert same(run(data=file), run())
    assert file.most == 8


def test_bad_members_of_a_file_are_refused():
    bad = pairs(9)
    bad = Pairs(jax.tree.map(lambda v: v.at[7].set(jnp.nan), bad.inputs), bad.outputs)
    with pytest.raises(RunError, match="the training or validation data hold NaN"):
        run(data=Counting(bad))


def test_validation_data_are_checked_and_belong_to_the_fit(tmp_path):
    with pytest.raises(RunError, match="a fit needs samples to train on, and others to validate"):
        run(validation=pairs()[:0])
    bad = Pairs(jax.tree.map(lambda v: v.at[0].set(jnp.nan), pairs().inputs), pairs().outputs)
    with pytest.raises(RunError, match="the training or validation data hold NaN"):
        run(validation=bad)
    run(validation=pairs()[:5], folder=tmp_path, steps=5)
    with pytest.raises(RunError, match="the folder holds another fit"):
        run(validation=pairs()[5:9], folder=tmp_path, steps=5)
