"""Damaged data files: identical data or an error with a repair; no crash, no hang, no surprise."""

import os
import pathlib
import queue
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from riesz.data import save_functions, write_pairs
from riesz.domains import Box, Grid, Points, Space, Torus
from riesz.functions import Pairs, batch

ROOT = pathlib.Path(__file__).resolve().parents[2]
READER = pathlib.Path(__file__).with_name("_reader.py")
LIMIT = 10  # seconds a file


def pass_on(pipe, lines):
    for line in pipe:
        lines.put(line)
    lines.put("")


class Reader:
    """A process that reads files; a new one when it died or hangs."""

    def __init__(self, options):
        self.options, self.process = options, None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, str(READER), *self.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.lines = queue.Queue()
        threading.Thread(
            target=pass_on, args=(self.process.stdout, self.lines), daemon=True
        ).start()
        assert self.answer(120) == "ready"

    def answer(self, limit):
        try:
            line = self.lines.get(timeout=limit)
        except queue.Empty:
            self.close()
            return "hang"
        if line:
            return line.strip()
        code = self.process.wait()
        self.close()
        return f"crash, exit status {code}"

    def read(self, path):
        if self.process is None:
            self.start()
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return self.answer(LIMIT)

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def mutants(original, each, seed):
    """Truncations, single flipped bits and blocks of random bytes, `each` of every kind."""
    random = np.random.default_rng(seed)
    size = len(original)
    for length in random.integers(0, size, each):
        yield original[:length]
    for bit in random.integers(0, 8 * size, each):
        changed = bytearray(original)
        changed[bit // 8] ^= 1 << (bit % 8)
        yield bytes(changed)
    for _ in range(each):
        length = int(random.integers(1, 2048))
        start = int(random.integers(0, size))
        changed = bytearray(original)
        changed[start : start + length] = random.bytes(length)
        yield bytes(changed[:size])


def outcomes(tmp_path, path, each, options=(), seed=0):
    """How many mutants of a file were refused and read identically, and every other outcome."""
    reader = Reader(options)
    identical = refused = 0
    others = []
    try:
        expected = reader.read(path)
        assert len(expected) == 64, expected
        for i, content in enumerate(mutants(path.read_bytes(), each, seed)):
            mutant = tmp_path / f"mutant{i}{path.suffix}"
            mutant.write_bytes(content)
            answer = reader.read(mutant)
            mutant.unlink()
            identical += answer == expected
            refused += answer == "refused"
            if answer not in (expected, "refused"):
                others.append((i, answer))
    finally:
        reader.close()
    print(f"{path.name}: {refused} refused, {identical} identical, others {others}")
    return identical, refused, others


def pairs_on_grids():
    random = np.random.default_rng(1)
    box, torus = Box((0, 0), (1, 2)), Torus(0, 1)
    space = Space(box, 2, names=("velocity", "pressure"), units=("m/s", "Pa"))
    a = batch(random.normal(size=(9, 4, 5, 2)).astype("f4"), Grid(box, (4, 5)), space)
    return Pairs(a, batch(random.normal(size=(9, 8, 1)).astype("f4"), Grid(torus, 8)))


@pytest.mark.long
@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_600_mutations_of_native_data(tmp_path, suffix):
    path = tmp_path / f"data{suffix}"
    write_pairs(path, pairs_on_grids(), problem="Toy", seed=[0, 7])
    identical, refused, others = outcomes(tmp_path, path, 200)
    assert not others
    assert refused + identical == 600


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_mutations_of_functions_on_points(tmp_path, suffix):
    random = np.random.default_rng(2)
    where = Points(Box((0, 0), (1, 1)), random.uniform(size=(12, 2)).astype("f4"))
    path = tmp_path / f"functions{suffix}"
    save_functions(path, batch(random.normal(size=(3, 12, 1)).astype("f4"), where))
    assert not outcomes(tmp_path, path, 30, ["functions=yes"])[2]


def test_mutations_of_arrays_of_others(tmp_path):
    """Without a checksum values may change; nothing may crash or escape as another error."""
    path = tmp_path / "foreign.h5"
    random = np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        for name in "xy":
            values = random.normal(size=(20, 6, 6)).astype("f4")
            group.create_dataset(name, data=values, chunks=(5, 6, 6), compression="gzip")
    link = tmp_path / "mutant.h5"
    reader = Reader(["nodes=left"])
    bad = []
    try:
        for i, content in enumerate(mutants(path.read_bytes(), 60, seed=4)):
            link.write_bytes(content)
            answer = reader.read(f"{link}::a")
            if answer != "refused" and len(answer) != 64:
                bad.append((i, answer))
    finally:
        reader.close()
    assert not bad
