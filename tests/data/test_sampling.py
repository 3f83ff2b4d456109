"""Sampling from problems: reproducible, in files, and continued after a kill."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from riesz._core import progress
from riesz.data import fingerprint, open_pairs
from riesz.domains import Grid, Torus
from riesz.errors import DataError, SolverError
from riesz.functions import take
from riesz.problems import Darcy

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOY = pathlib.Path(__file__).with_name("_toy.py")
spec = importlib.util.spec_from_file_location("_toy", TOY)
toy = importlib.util.module_from_spec(spec)
sys.modules["_toy"] = toy
spec.loader.exec_module(toy)
KEY = jax.random.key(5)


def test_pairs_do_not_depend_on_how_many_are_drawn(tmp_path):
    problem = toy.Toy()
    many = problem.sample(100, 32, key=KEY)
    assert isinstance(many.inputs.values, np.ndarray) and many.outputs.values.shape == (100, 16, 1)
    few = problem.sample(30, Grid(Torus(0, 1), 32), key=KEY)
    assert fingerprint(few) == fingerprint(many[:30])
    for batch in (7,):
        other = problem.sample(30, 32, key=KEY, batch=batch)
        np.testing.assert_allclose(other.outputs.values, few.outputs.values, rtol=1e-5, atol=1e-6)
    alone = problem.sample_input(problem.discretization(32), key=jax.random.fold_in(KEY, 17))
    np.testing.assert_allclose(take(many.inputs, 17).values, alone.values, rtol=1e-5, atol=1e-6)
    file = problem.sample(100, 32, key=KEY, path=tmp_path / "toy.h5")
    assert file.fingerprint == fingerprint(many)
    assert (file.problem, file.seed) == ("Toy", [0, 5])


def test_a_finished_file_is_not_computed_again(tmp_path):
    path = f"{tmp_path}/toy.h5::train"
    first = toy.Toy().sample(40, 32, key=KEY, path=path)
    before = os.stat(f"{tmp_path}/toy.h5").st_mtime_ns
    assert toy.Toy().sample(40, 32, key=KEY, path=path).fingerprint == first.fingerprint
    assert os.stat(f"{tmp_path}/toy.h5").st_mtime_ns == before
    for other in (
        lambda: toy.Toy().sample(40, 32, key=jax.random.key(6), path=path),
        lambda: toy.Toy().sample(41, 32, key=KEY, path=path),
        lambda: toy.Toy().sample(40, 34, key=KEY, path=path),
        lambda: toy.Toy(scale=2.0).sample(40, 32, key=KEY, path=path),
        lambda: toy.Toy(fails_above=50.0).sample(40, 32, key=KEY, path=path),
    ):
        with pytest.raises(DataError, match="data of another description"):
            other()


def test_a_sample_that_fails_is_named(tmp_path):
    values = np.abs(toy.Toy().sample(50, 32, key=KEY).inputs.values).max((1, 2))
    worst = int(values.argmax())
    problem = toy.Toy(fails_above=float(np.sort(values)[-1] - 1e-3))
    with pytest.raises(SolverError) as caught:
        problem.sample(50, 32, key=KEY, batch=8)
    text = str(caught.value)
    assert f"did not converge for sample {worst}" in text
    assert f"key=jax.random.fold_in(key, {worst})" in text and "Toy.sample" in text
    with pytest.raises(SolverError, match="input that is not finite for sample 0"):
        toy.Toy(scale=float("inf")).sample(3, 32, key=KEY)
    with pytest.raises(SolverError, match="values that are not finite for sample"):
        toy.Toy(scale=1e25).sample(3, 32, key=KEY)
    with pytest.raises(DataError, match="found:    n=0"):
        toy.Toy().sample(0, 32, key=KEY)


def test_progress_is_plain_lines_away_from_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    toy.Toy().sample(40, 32, key=KEY, batch=10, progress=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert not out and len(lines) == 3  # from the second part on
    assert lines[-1].startswith("sampling Toy  40 of 40 pairs  ")


def start(path, n, batch):
    return subprocess.Popen(
        [sys.executable, str(TOY), str(path), str(n), str(batch)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.long
def test_a_killed_generation_continues_and_gives_the_same_file(tmp_path):
    n, batch = 16_000, 32  # 500 parts, of which each run writes a fifth before it is killed
    whole = start(tmp_path / "whole.h5", n, batch)
    assert whole.wait(120) == 0, whole.stderr.read()
    whole.stderr.close()
    path, partial, kills = tmp_path / "killed.h5", tmp_path / "killed.h5.partial", 0
    random = np.random.default_rng(0)
    for _ in range(9):
        child = start(path, n, batch)
        if kills < 2:
            for _ in range(random.integers(1, 100)):
                child.stderr.readline()  # after the second part and each one after it
            child.kill()
        code = child.wait(120)
        child.stderr.close()
        if code == 0:
            break
        assert code == -9 and partial.exists() and not path.exists()
        kills += 1
    assert kills == 2 and path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert open_pairs(path).fingerprint == open_pairs(tmp_path / "whole.h5").fingerprint
    assert not partial.exists()


def test_outputs_solved_on_a_finer_grid_are_nearer_to_the_solution(getkey):
    key, problem = getkey(), Darcy().smooth()
    plain = problem.sample(2, 8, key=key)
    refined = problem.sample(2, 8, key=key, refine=4)
    best = problem.sample(2, 8, key=key, refine=8)
    np.testing.assert_array_equal(refined.inputs.values, plain.inputs.values)
    assert refined.outputs.discretization == plain.outputs.discretization
    far, near = (np.abs(p.outputs.values - best.outputs.values).max() for p in (plain, refined))
    assert near < 0.3 * far
