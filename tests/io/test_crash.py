"""A crash at any moment of a save leaves the old model or the new one."""

import functools
import os
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Space, Torus
from riesz.errors import ModelError
from riesz.io import read_card
from riesz.operators import FNO

SPACE = Space(Torus(0.0, 1.0))


@functools.cache
def model(number):
    """Models of one architecture whose weights say their number."""
    operator = FNO(SPACE, SPACE, modes=1, width=2, layers=1, key=jax.random.key(0))
    return eqx.tree_at(lambda o: o.lift.bias, operator, jnp.full(2, float(number)))


def number_of(folder):
    """The number of the loaded model, by its weights and by its card."""
    bias = np.asarray(riesz.load(folder).lift.bias)
    assert read_card(folder) == {"number": int(bias[0])}
    return int(bias[0])


class Crash(BaseException):
    """Not an error that any code may catch."""


class Countdown:
    """The system calls of a save, of which one does not come back; half its effect may."""

    def __init__(self, patch, last):
        self.left = last
        replace, fsync = os.replace, os.fsync
        patch.setattr(os, "replace", lambda *a: self.step(replace, *a))
        patch.setattr(os, "fsync", lambda *a: self.step(fsync, *a))
        write = pathlib.Path.open

        def partial(path, mode="r", *args, **kwargs):
            if "w" in mode:
                self.step(begin, path)
            return write(path, mode, *args, **kwargs)

        patch.setattr(pathlib.Path, "open", partial)

    def step(self, call, *arguments):
        if self.left == 0:
            raise Crash
        self.left -= 1
        return call(*arguments)


def begin(path):
    """What a crash in the middle of writing leaves."""
    with open(path, "wb") as file:
        file.write(b"{")


def save_until(folder, number, last):
    """Whether the save came to its end before step `last`."""
    with pytest.MonkeyPatch.context() as patch:
        Countdown(patch, last)
        try:
            riesz.save(folder, model(number), card={"number": number})
        except Crash:
            return False
    return True


@pytest.mark.long
def test_a_crash_leaves_the_old_or_the_new_model(tmp_path):
    seen = []
    for last in range(20):
        folder = tmp_path / str(last)
        riesz.save(folder, model(1), card={"number": 1})
        done = save_until(folder, 2, last)
        seen.append(number_of(folder))
        if done:
            break
        # a later save that crashes as well, at each of its moments, keeps what was there
        for again in range(20):
            before = number_of(folder)
            if save_until(folder, 3, again):
                break
            assert number_of(folder) in (before, 3)
        assert number_of(folder) == 3
        assert sorted(os.listdir(folder)) == ["model.json", "weights.safetensors"]
    assert seen == sorted(seen) and set(seen) == {1, 2} and done


def test_a_crash_of_the_first_save_leaves_no_model_or_the_model(tmp_path):
    for last in range(20):
        folder = tmp_path / str(last)
        if save_until(folder, 2, last):
            break
        try:
            assert number_of(folder) == 2
        except ModelError as error:
            assert error.repair
    assert number_of(folder) == 2
