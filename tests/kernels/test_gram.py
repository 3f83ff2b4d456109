"""Gram matrices by tiles, and products with them."""

import io
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz._core import progress as progress_module
from riesz._core.progress import Progress
from riesz.errors import DataError
from riesz.kernels import AbstractKernel, Matern, SquaredExponential, White, gram, matvec
from riesz.kernels import _gram as gram_module

X = np.random.default_rng(0).uniform(size=(23, 2)).astype(np.float32)
Y = X[::-2]
KERNEL = Matern(1.5, 0.4) + 0.1 * White()


@pytest.fixture
def small(monkeypatch):
    """Tiles of at most 8 rows."""
    monkeypatch.setattr(gram_module, "_ROWS", 8)


class Counted(AbstractKernel):
    """A kernel that says when it is traced."""

    length: float
    traces = []

    def __call__(self, x, y=None):
        self.traces.append((x.shape, y is None))
        return SquaredExponential(self.length)(x, y)

    def diagonal(self, x):
        return SquaredExponential(self.length).diagonal(x)


def test_tiles_make_the_whole(small):
    found = gram(KERNEL, X)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32
    np.testing.assert_allclose(found, KERNEL(jnp.asarray(X)), rtol=1e-6)
    assert (found == found.T).all()
    np.testing.assert_allclose(gram(KERNEL, X, Y), KERNEL(jnp.asarray(X), jnp.asarray(Y)), 1e-6)
    assert gram(KERNEL, X[:0], Y).shape == (0, 12)


def test_the_type_is_that_of_the_inputs(small, x64):
    found = gram(KERNEL, X.astype(float))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, KERNEL(jnp.asarray(X.astype(float))), rtol=1e-13)


def test_one_program_makes_all_tiles_of_all_hyperparameters(small):
    Counted.traces.clear()
    for length in (0.3, 0.5):
        expected = SquaredExponential(length)(jnp.asarray(X))
        np.testing.assert_allclose(gram(Counted(length), X), expected, rtol=1e-5)
    assert sorted(Counted.traces) == [((8, 2), False), ((8, 2), True)]


def test_tiles_are_equal_and_do_not_alias_in_the_cache():
    side = gram_module._side
    assert [side(n, 1000) for n in (1, 999, 1000, 1001, 20_000)] == [1, 999, 1000, 501, 1000]
    assert side(2048 * 3, 1000) % 64 != 0


class Hungry(AbstractKernel):
    """Takes a thousand numbers of working memory an entry, and says when it is traced."""

    traces = []

    def __call__(self, x, y=None):
        y = x if y is None else y
        self.traces.append((len(x), len(y)))
        gaps = jnp.abs(x[:, None, :1] - y[None, :, 0, None]) + jnp.arange(1000, dtype=x.dtype)
        return jnp.exp(-jnp.sort(gaps, 2)[..., 0])

    def diagonal(self, x):
        return jnp.ones(len(x), x.dtype)


def test_tiles_are_as_small_as_the_memory_asks():
    result = 23 * 23 * 4
    found = gram(Hungry(), X, memory=result + 500_000)
    np.testing.assert_allclose(found, Hungry()(jnp.asarray(X)), rtol=1e-6)
    rows = Hungry.traces[-2][0]  # the last trace is that of the line above
    assert 1 < rows < 12 and 2 * 4000 * rows**2 <= 500_000
    with pytest.raises(DataError, match=r"tile of one entry(.|\n)*1e.03 bytes(.|\n)*memory="):
        gram(Hungry(), X, memory=result + 1000)


def test_a_result_larger_than_the_memory_says_what_to_do():
    inputs = np.zeros((20_000, 2), np.float32)
    with pytest.raises(DataError) as error:
        gram(KERNEL, inputs, memory=1e9)
    text = str(error.value)
    assert "expected: at most 1 GB" in text and "1.6 GB for 20000 x 20000 numbers" in text
    for way in ("memory=1.9e+09", "matvec(kernel, x, v)", "NystromFeatures(kernel, x[:1000])"):
        assert way in text


def test_an_interrupt_ends_the_work_and_the_bar(small, monkeypatch):
    ended, advance = [], Progress.advance

    def interrupted(self):
        advance(self)
        if self._done == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "advance", interrupted)
    monkeypatch.setattr(Progress, "__exit__", lambda self, *exception: ended.append(self._done))
    with pytest.raises(KeyboardInterrupt):
        gram(KERNEL, X)
    assert ended == [2]
    monkeypatch.undo()
    np.testing.assert_allclose(gram(KERNEL, X), KERNEL(jnp.asarray(X)), rtol=1e-6)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(small, monkeypatch):
    shown = {}
    for kind in (io.StringIO, Terminal):
        for patience in (0.0, 100.0):
            monkeypatch.setattr(progress_module, "_PATIENCE", patience)
            monkeypatch.setattr(progress_module, "_LINE_SECONDS", 0.0)
            monkeypatch.setattr(sys, "stderr", kind())
            gram(KERNEL, X)
            shown[kind, patience] = sys.stderr.getvalue()
    lines = shown[io.StringIO, 0.0].splitlines()  # from the second tile on
    assert len(lines) == 5 and lines[0].startswith("gram  2 of 6 tiles  ")
    assert "gram" in shown[Terminal, 0.0] and "of 6 tiles" not in shown[Terminal, 0.0]
    assert not shown[io.StringIO, 100.0] and not shown[Terminal, 100.0]


TWO_DEVICES = """
import jax, numpy as np
from riesz.kernels import SquaredExponential, _gram, gram
_gram._ROWS = 8
used, store = set(), _gram._store
def spy(out, i, j, tile, mirror):
    used.update(tile.devices())
    store(out, i, j, tile, mirror)
_gram._store = spy
assert len(jax.devices()) == 2
x = np.random.default_rng(0).uniform(size=(23, 2)).astype(np.float32)
np.testing.assert_allclose(gram(SquaredExponential(0.4), x), SquaredExponential(0.4)(x), rtol=1e-5)
assert used == set(jax.devices()), used
print("both")
"""


def test_all_devices_work(monkeypatch):
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"
    monkeypatch.setenv("XLA_FLAGS", flags)
    command = [sys.executable, "-c", TWO_DEVICES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout == "both\n", done.stderr


@pytest.mark.parametrize("numbers", [2**22, 100])
def test_products_with_and_without_blocks(numbers, monkeypatch):
    monkeypatch.setattr(gram_module, "_NUMBERS", numbers)
    x, y = jnp.asarray(X), jnp.asarray(Y)
    v = jnp.cos(jnp.arange(46.0)).reshape(23, 2)
    np.testing.assert_allclose(matvec(KERNEL, x, v), KERNEL(x) @ v, rtol=1e-4, atol=1e-5)
    one = v[:12, 0]
    np.testing.assert_allclose(matvec(KERNEL, x, one, y), KERNEL(x, y) @ one, rtol=1e-4, atol=1e-5)


def test_products_have_gradients_under_jit():
    x, v = jnp.asarray(X), jnp.cos(jnp.arange(23.0))

    def quadratic(product):
        return jax.jit(jax.grad(lambda kernel: jnp.vdot(v, product(kernel))))(KERNEL)

    found, expected = quadratic(lambda k: matvec(k, x, v)), quadratic(lambda k: k(x) @ v)
    for leaf, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, rtol=1e-4)
