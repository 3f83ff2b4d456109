"""A class of another package joins by one file and one decorator."""

import importlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from riesz.cli import run
from riesz.data import open_pairs, write_pairs
from riesz.domains import DISCRETIZATIONS, Grid, Interval, Mesh, Points, Space
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.problems import PROBLEMS

LATTICE = '''
"""Points of the unit square, each with the same weight; functions are constant around them."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from riesz.domains import AbstractDiscretization, AbstractDomain, Box, register


@register
class Cloud(AbstractDiscretization):
    stored: ClassVar[tuple[str, ...]] = ("places",)
    domain: AbstractDomain = eqx.field(static=True)
    sharpness: float = eqx.field(static=True)
    relative: Any

    def __init__(self, domain, places, sharpness):
        self.domain, self.relative, self.sharpness = domain, jnp.asarray(places), sharpness

    shape = property(lambda self: self.relative.shape[:-1])
    coordinates = property(lambda self: self.relative)
    weights = property(lambda self: jnp.full(self.relative.shape[:-1], 1 / self.shape[-1]))
    mask = property(lambda self: None)
    method = property(lambda self: "constant around every point")
    stacked = property(lambda self: self.relative.ndim > 2)

    def interpolate(self, values, points):
        gaps = jnp.linalg.norm(jnp.asarray(points)[:, None] - self.relative, axis=-1)
        return values[jnp.argmin(gaps, 1)]

    def differentiate(self, values, axis, order):
        return jnp.zeros_like(values)

    def record(self):
        return {"sharpness": self.sharpness}

    def arrays(self):
        return {"places": np.asarray(self.relative)}

    @classmethod
    def restored(cls, domain, record, arrays):
        return cls(domain, arrays["places"], record["sharpness"])
'''

SCALING = '''
import equinox as eqx
import jax.numpy as jnp

from riesz.domains import Grid, Interval, Space
from riesz.functions import Function
from riesz.problems import AbstractProblem, Solution, register
from riesz.processes import random_field
from riesz.kernels import SquaredExponential


@register(name="scaling")
class Scaling(AbstractProblem):
    """u = factor a on an interval, exactly."""

    order = float("inf")
    factor: float = eqx.field(static=True, default=3.0)

    input_space = property(lambda self: Space(Interval(0, 1), names=("a",)))
    output_space = property(lambda self: Space(Interval(0, 1), names=("u",)))
    symmetries = property(lambda self: ())

    def grid(self, resolution):
        return Grid(Interval(0, 1), resolution)

    def sample_input(self, grid, *, key):
        return random_field(self.input_space, SquaredExponential(0.3)).draw(grid, key=key)

    def solution(self, a):
        u = Function(self.factor * a.values, a.discretization, self.output_space)
        return Solution(u, jnp.isfinite(u.values).all(), jnp.asarray(1))

    def residual(self, a, u):
        return Function(u.values - self.factor * a.values, a.discretization)
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Import a module of another package; what it registers is forgotten afterwards."""
    registries = DISCRETIZATIONS, PROBLEMS
    kept = [dict(registry._classes) for registry in registries]
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def imported(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        names.append(name)
        return importlib.import_module(name)

    yield imported
    for registry, classes in zip(registries, kept, strict=True):
        registry._classes = classes
    for name in names:
        sys.modules.pop(name, None)


def same(first, second, rtol=0.0):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol)


def written(path, inputs, outputs):
    """The pairs again, from a file."""
    write_pairs(path, Pairs(inputs, outputs))
    return open_pairs(path).all()


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_a_discretization_of_another_package_is_written_and_read(outside, tmp_path, suffix):
    cloud = outside("clouds", LATTICE).Cloud
    square = outside("clouds", LATTICE).Box((0, 0), (1, 1))
    rng = np.random.default_rng(0)
    places = rng.uniform(size=(3, 5, 2)).astype(np.float32)
    shared, own = cloud(square, places[0], 2.5), jax.vmap(lambda x: cloud(square, x, 2.5))(places)
    a = batch(rng.normal(size=(3, 5, 1)).astype(np.float32), shared)
    u = batch(rng.normal(size=(3, 5, 1)).astype(np.float32), own)
    again = written(tmp_path / f"clouds{suffix}", a, u)
    for one, other in ((a, again.inputs), (u, again.outputs)):
        for i in range(3):
            same(take(one, i), take(other, i))
    assert again.outputs.discretization.sharpness == 2.5
    code = f"import riesz; riesz.open_pairs({str(tmp_path / f'clouds{suffix}')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import the module that registers it" in done.stderr and "'Cloud'" in done.stderr


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_meshes_are_written_and_read(tmp_path, suffix):
    meshes = [Mesh.disk(refinements=2), Mesh.l_shape(4), Mesh.annulus(cells=(2, 12))]
    functions = [
        Function.from_callable(lambda x, y, i=i: x * y + i, mesh, Space(mesh.domain))
        for i, mesh in enumerate(meshes)
    ]
    ragged = stack(functions)
    shared = batch(np.random.default_rng(0).normal(size=(3, *meshes[0].shape, 1)), meshes[0])
    again = written(tmp_path / f"meshes{suffix}", ragged, shared)
    for i in range(3):  # weights are found anew, from nodes rounded to float32
        same(take(ragged, i), take(again.inputs, i), rtol=1e-6)
        same(take(shared, i), take(again.outputs, i), rtol=1e-6)
    assert "nodes" in open_pairs(tmp_path / f"meshes{suffix}").inputs.places()


def test_every_registered_discretization_restores_itself():
    line = Interval(2, 3)
    grid = Grid(line, 4)
    cases = {
        "Grid": grid,
        "MaskedGrid": grid.masked(np.arange(4) > 0),
        "Points": Points(line, [[2.1], [2.5], [2.9]], mask=[True, False, True]),
        "Mesh": Mesh.disk(refinements=1),
    }
    assert set(cases) == set(DISCRETIZATIONS), "a registered kind is checked here"
    for name, on in cases.items():
        kind = DISCRETIZATIONS[name]
        arrays = {part: on.arrays()[part] for part in kind.stored}
        again = kind.restored(on.domain, {"shape": list(on.shape), **on.record()}, arrays)
        same(on, again, rtol=1e-6)


def test_a_problem_of_another_package_is_sampled_by_the_command_line(outside, tmp_path, capsys):
    outside("scaling_problem", SCALING)
    assert "scaling" in list(PROBLEMS) and PROBLEMS["scaling"]().factor == 3
    file = tmp_path / "pairs.h5"
    assert run(["sample", "scaling", "--samples", "4", "--grid", "16", "-o", str(file)]) == 0
    pairs = open_pairs(file).all()
    np.testing.assert_allclose(pairs.outputs.values, 3 * np.asarray(pairs.inputs.values), rtol=1e-6)
    assert run(["problems"]) == 0
    assert "u = factor a on an interval" in capsys.readouterr().out


def test_two_classes_of_one_name_are_refused(outside):
    outside("clouds", LATTICE)
    with pytest.raises(ModelError, match="another discretization has this name"):
        outside("others", LATTICE)
