"""Waiting for results: slow programs are waited for, standstills and Ctrl-C are noticed."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import types

import jax
import jax.numpy as jnp
import pytest

from riesz._core import waiting
from riesz._core.waiting import Watch, settle
from riesz.errors import RunError

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Pending:
    """The result of a program that takes its time, with work or without."""

    def __init__(self, platform="cpu"):
        self.there, self.platform = threading.Event(), platform

    def after(self, seconds, work=None):
        def run():
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                (work or time.sleep)(0.01)
            self.there.set()

        threading.Thread(target=run, daemon=True).start()
        return self

    def is_ready(self):
        return self.there.is_set()

    def is_deleted(self):
        return False

    def block_until_ready(self):
        assert self.there.is_set()
        return self

    def devices(self):
        return [types.SimpleNamespace(platform=self.platform)]


def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_result_is_returned_as_it_is():
    tree = {"a": jnp.arange(3.0), "b": (2.5, jnp.ones(()))}
    found = Watch("a test")(tree)
    assert all(x is y for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(tree), strict=True))


def test_a_program_without_work_is_a_standstill(monkeypatch):
    monkeypatch.setattr(waiting, "STANDSTILL", 0.5)
    expected = r"the validation has come to a standstill(.|\n)*without any work(.|\n)*lax\.map"
    with pytest.raises(RunError, match=expected):
        Watch("the validation")(Pending())


def test_a_slow_program_that_works_is_waited_for(monkeypatch):
    monkeypatch.setattr(waiting, "STANDSTILL", 0.5)
    result = Pending().after(2.0, work)
    assert Watch("a test")(result) is result


def test_a_device_works_without_this_process(monkeypatch):
    monkeypatch.setattr(waiting, "STANDSTILL", 0.2)
    result = Pending("gpu").after(1.0)
    assert Watch("a test")(result) is result


def test_earlier_waits_make_it_patient(monkeypatch):
    monkeypatch.setattr(waiting, "STANDSTILL", 0.1)
    watch = Watch("a test")
    watch(Pending().after(0.05))
    result = Pending().after(0.5)  # ten times as long, without work
    assert watch(result) is result


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interruption_is_heard_while_waiting():
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Watch("a test")(Pending())


def test_settling_waits_for_programs_but_not_for_ever():
    result = Pending().after(0.2)
    settle((result, 1.0))
    assert result.is_ready()
    start = time.monotonic()
    settle(Pending(), seconds=0.2)
    assert 0.2 <= time.monotonic() - start < 20


# Independent batched factorisations in one program: on two cores the third run or so never ends.
BLOCKING = """
import jax, jax.numpy as jnp
from riesz._core import waiting
from riesz.cli._guard import failed
from riesz.cli._leave import leave
waiting.STANDSTILL = 2.0
matrices = jax.random.normal(jax.random.key(0), (128, 43, 43)) + 10 * jnp.eye(43)
solve = jax.vmap(lambda a: jnp.linalg.solve(a, a[:, :1]))
program = jax.jit(lambda a: sum(solve(a * (1 + k / 10)).sum() for k in range(4)))
watch = waiting.Watch("the program")
code = 0
try:
    for _ in range(200):
        watch(program(matrices))
except Exception as error:
    code = failed(error, False)
leave(code)
"""


@pytest.mark.slow
def test_a_process_with_blocked_threads_ends():
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    command = [sys.executable, "-c", BLOCKING]
    ended = subprocess.run(
        command,
        env={**environment, "PYTHONPATH": str(ROOT)},
        timeout=240,
        capture_output=True,
        text=True,
    )
    assert ended.returncode in (0, 1)  # whether it blocks depends on the cores and on chance
    if ended.returncode:
        assert "the program has come to a standstill" in ended.stderr
