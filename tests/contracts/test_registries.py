"""A class of another package joins by one file and one decorator."""

import importlib
import json
import signal
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.cli import run
from riesz.data import FORMATS, load_functions, open_pairs, save_functions, write_pairs
from riesz.domains import (
    DISCRETIZATIONS,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Interval,
    Mesh,
    Points,
    Space,
)
from riesz.errors import ModelError, RunError
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.kernels import SquaredExponential
from riesz.operators import parse
from riesz.problems import PROBLEMS
from riesz.processes import PROCESSES, GaussianProcess, Values
from riesz.testing import ProcessCase, check_process

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
from riesz.kernels import SquaredExponential
from riesz.problems import (
    AbstractEquation,
    AbstractProblem,
    AbstractReferenceSolver,
    Solution,
    register,
)
from riesz.processes import AbstractProcess, random_field


class Multiple(AbstractEquation):
    factor: float = eqx.field(static=True)
    input_space = Space(Interval(0, 1), names=("a",))
    output_space = Space(Interval(0, 1), names=("u",))

    def residual(self, a, u, x=None):
        return u.values - self.factor * a.values


class Multiplication(AbstractReferenceSolver):
    order = float("inf")

    def discretization(self, equation, resolution):
        return Grid(Interval(0, 1), resolution)

    def solution(self, equation, a):
        u = Function(equation.factor * a.values, a.discretization, equation.output_space)
        return Solution(u, jnp.isfinite(u.values).all(), jnp.asarray(1))


@register(name="scaling")
class Scaling(AbstractProblem):
    """u = factor a on an interval, exactly."""

    equation: AbstractEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(self, factor: float = 3.0):
        self.equation, self.solver = Multiple(factor), Multiplication()
        self.inputs = random_field(self.equation.input_space, SquaredExponential(0.3))
'''


LISTS = '''
"""Arrays as nested lists, beside the axes and units that they have."""

import json
from pathlib import Path

import numpy as np

from riesz.data import AbstractFormat, ArraySource, Axis, register


@register
class JSON(AbstractFormat):
    """Arrays as lists, for other languages."""

    suffixes = (".json",)

    @classmethod
    def read(cls, location):
        record = json.loads(Path(location.path).read_text())
        values = {name: np.asarray(x) for name, x in record["arrays"].items()}
        lines = (Axis("space", n, np.asarray(x), u) for n, (x, u) in record["axes"].items())
        axes = dict.fromkeys(values, (Axis("sample"), *lines)) if record["axes"] else {}
        text = record["description"]
        return ArraySource.of(location, values, axes=axes, units=record["units"], description=text)

    @classmethod
    def write(cls, path, arrays, text, location):
        lists = {name: x.tolist() for name, x in arrays.items()}
        record = {"arrays": lists, "axes": {}, "units": {}, "description": text}
        path.write_text(json.dumps(record))
'''


MIRRORED = '''
"""The process f(-x) of another process f."""

import riesz
from riesz.processes import AbstractProcess, Values, register


@register(version=2)
class Mirrored(AbstractProcess):
    inner: AbstractProcess

    exact = property(lambda self: self.inner.exact)

    def sample(self, n, *, on, key):
        return self.inner.sample(n, on=-on, key=key)

    def condition(self, observations):
        several = observations if isinstance(observations, list) else [observations]
        mirrored = [Values(-o.points, o.values, o.noise) for o in several]
        return Mirrored(self.inner.condition(mirrored))

    def marginal(self, *, on, joint=False):
        return self.inner.marginal(on=-on, joint=joint)
'''


TAMED = '''
"""The mean error of an operator's answer to noisy inputs, and a penalty on its size."""

import equinox as eqx
import jax
import jax.numpy as jnp

from riesz.objectives import AbstractObjective


class Tamed(AbstractObjective):
    weight: jax.Array
    noise: float = eqx.field(static=True)
    size: float = 1.0

    def __call__(self, model, batch, key):
        def one(a, u, key):
            a = a + self.noise * jax.random.normal(key, a.values.shape)
            v = model(a)
            return ((v - u).norm() / self.size) ** 2, v.norm() ** 2

        keys = jax.random.split(key, len(batch))
        errors, sizes = jax.vmap(one)(batch.inputs, batch.outputs, keys)
        error, penalty = errors.mean(), self.weight * sizes.mean()
        return error + penalty, {"error": error, "penalty": penalty}

    def prepare(self, task, survey):
        size = float(task.training[:64].outputs.values.std())
        return task._replace(objective=Tamed(self.weight, self.noise, size))
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Import a module of another package; what it registers is forgotten afterwards."""
    registries = DISCRETIZATIONS, FORMATS, PROBLEMS, PROCESSES
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
    assert "nodes" in open_pairs(tmp_path / f"meshes{suffix}").inputs.places()[0]


def test_every_registered_discretization_restores_itself():
    line = Interval(2, 3)
    grid = Grid(line, 4)
    cases = {
        "Grid": grid,
        "MaskedGrid": grid.masked(np.arange(4) > 0),
        "Points": Points(line, [[2.1], [2.5], [2.9]], mask=[True, False, True]),
        "Mesh": Mesh.disk(refinements=1),
    }
    union = DisjointUnion({name: Space(on.domain) for name, on in cases.items()})
    cases["DisjointPoints"] = DisjointPoints(union, list(cases.values()))
    assert set(cases) == set(DISCRETIZATIONS), "a registered kind is checked here"
    for name, on in cases.items():
        kind, record = DISCRETIZATIONS[name], {"shape": list(on.shape), **on.record()}
        arrays = {part: on.arrays()[part] for part in kind.stored_in(record)}
        again = kind.restored(on.domain, record, arrays)
        same(on, again, rtol=1e-6)


def test_a_problem_of_another_package_is_sampled_by_the_command_line(outside, tmp_path, capsys):
    outside("scaling_problem", SCALING)
    assert "scaling" in list(PROBLEMS) and PROBLEMS["scaling"]().equation.factor == 3
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


def curves(n, seed=0):
    """Curves a and their integrals u at 16 places from 1 to 3 m, in the words of a JSON file."""
    x, c = np.linspace(1, 3, 16), np.random.default_rng(seed).normal(size=(n, 2, 1))
    arrays = {"a": c[:, 0] + c[:, 1] * x, "u": c[:, 0] * (x - 1) + c[:, 1] * (x**2 - 1) / 2}
    lists = {name: values.tolist() for name, values in arrays.items()}
    units = {"a": "m/s", "u": "m2/s"}
    return {"arrays": lists, "axes": {"x": [x.tolist(), "m"]}, "units": units, "description": None}


@pytest.mark.long
def test_a_file_format_of_another_package_is_read_and_written(outside, tmp_path, capsys):
    outside("lists", LISTS)
    data, new, answers = (str(tmp_path / f"{name}.json") for name in ("data", "new", "answers"))
    (tmp_path / "data.json").write_text(json.dumps(curves(40)))
    (tmp_path / "new.json").write_text(json.dumps(curves(3, seed=1)))
    file = open_pairs(data)
    domain = file.input_space.domain
    assert (domain.names, domain.units, domain.lower, domain.upper) == (("x",), ("m",), (1,), (3,))
    assert (file.input_space.units, file.output_space.names) == (("m/s",), ("u",))
    np.testing.assert_allclose(file[7].outputs.values[0, :, 0], curves(40)["arrays"]["u"][7], 1e-6)

    pairs = file.all()
    again = written(tmp_path / "again.json", pairs.inputs, pairs.outputs)
    same(again, pairs)
    save_functions(tmp_path / "functions.json", pairs.inputs)
    same(load_functions(tmp_path / "functions.json"), pairs.inputs)

    assert run(["info", data]) == 0 and "field" not in (said := capsys.readouterr().out)
    assert "input: a [m/s] on x [m] 1..3 (16 vertex)" in said
    out = str(tmp_path / "run")
    text = "FNO(modes=2, width=4, layers=1)"
    assert run(["train", data, "--operator", text, "--steps", "2", "--no-base", "--out", out]) == 0
    assert run(["predict", out, new, "-o", answers]) == 0
    found = json.loads((tmp_path / "answers.json").read_text())["arrays"]
    assert np.asarray(found["prediction"]).shape == (3, 16, 1)
    np.testing.assert_allclose(np.ravel(found["coordinates"]), np.linspace(1, 3, 16), rtol=1e-6)
    capsys.readouterr()
    assert run(["formats"]) == 0 and ".json" in capsys.readouterr().out
    assert run(["predict", out, new, "-o", str(tmp_path / "a.xml")]) == 2
    assert ".json" in capsys.readouterr().err


def test_a_process_writes_to_a_format_of_another_package(outside, tmp_path):
    outside("lists", LISTS)
    x = np.linspace(0, 3, 20)
    record = {"arrays": {"x": x.tolist(), "y": np.sin(x).tolist()}, "axes": {}, "units": {}}
    (tmp_path / "table.json").write_text(json.dumps({**record, "description": None}))
    table, out, answers = (str(tmp_path / n) for n in ("table.json", "run", "answers.json"))
    assert run(["fit-process", table, "--restarts", "0", "--out", out]) == 0
    assert run(["predict", out, table, "-o", answers]) == 0
    found = json.loads((tmp_path / "answers.json").read_text())["arrays"]
    np.testing.assert_allclose(np.ravel(found["mean"]), np.sin(x), atol=0.02)


def test_two_formats_of_one_suffix_are_not_registered(outside):
    outside("lists", LISTS)
    with pytest.raises(ModelError, match=r"another file format has this suffix(.|\n)*.json: JSON"):
        outside("other_lists", LISTS.replace("class JSON", "class Other"))


def test_a_process_of_another_package_is_checked_saved_and_asked(outside, tmp_path, capsys, x64):
    mirrored = outside("mirrored", MIRRORED).Mirrored
    assert PROCESSES["mirrored"] is mirrored
    x = np.linspace(0, 1, 9)[:, None]
    prior = mirrored(GaussianProcess(SquaredExponential(0.3)))
    check_process(ProcessCase(prior, x))
    seen = np.array([[0.2], [0.6]])
    process = prior.condition(Values(seen, np.array([[1.0], [-1.0]]), 1e-3))
    folder, points, answers = (str(tmp_path / n) for n in ("model", "x.csv", "answers.csv"))
    riesz.save(folder, process)
    assert json.loads((tmp_path / "model/model.json").read_text())["structure"]["version"] == 2
    law, again = process.marginal(on=x), riesz.load(folder, trust="mirrored").marginal(on=x)
    np.testing.assert_array_equal(law.mean, again.mean)

    (tmp_path / "x.csv").write_text("x\n" + "\n".join(map(str, x[:, 0])))
    assert run(["info", folder]) == 0 and "Mirrored(" in capsys.readouterr().out
    assert run(["predict", folder, points, "-o", answers]) == 2
    assert "riesz --trust mirrored COMMAND" in capsys.readouterr().err
    assert run(["--trust", "mirrored", "predict", folder, points, "-o", answers]) == 0
    head, *rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert head == "x,mean,lower,upper" and len(rows) == 9
    found = np.array([list(map(float, row.split(","))) for row in rows])
    np.testing.assert_allclose(found[:, 1], law.mean[:, 0], rtol=1e-9)
    np.testing.assert_allclose(found[:, 3], law.interval(0.9)[1][:, 0], rtol=1e-9)
    assert run(["--trust", "nowhere", "info", folder]) == 2
    assert "nowhere" in capsys.readouterr().err


class Interrupted:
    """An open file that asks the fit to stop when so many parts were read."""

    def __init__(self, file, reads):
        self.file, self.reads, self.most = file, reads, 0

    def __len__(self):
        return len(self.file)

    def __getitem__(self, index):
        part = self.file[index]
        self.reads, self.most = self.reads - 1, max(self.most, len(part))
        if self.reads == 0:
            signal.raise_signal(signal.SIGINT)
        return part


def test_an_objective_of_another_package_is_fitted_from_a_file_and_resumes(outside, tmp_path):
    tamed, key = outside("tamed", TAMED).Tamed, jax.random.key(0)
    where, values = Grid(Interval(0, 1), 12), np.random.default_rng(0).normal(size=(40, 12, 1))
    pairs = Pairs(batch(values.astype("f4"), where), batch(np.cumsum(values, 1) / 12, where))
    write_pairs(tmp_path / "data.h5", pairs)
    file, text = open_pairs(tmp_path / "data.h5"), "FNO(modes=2, width=4, layers=1)"
    start = parse(text, file.input_space, file.output_space, key=key)

    def fitted(objective, data=file, folder=None):
        options = {"steps": 60, "batch_size": 8, "folder": folder, "progress": False}
        return riesz.fit(start, data, objective, key=key, **options)

    whole = fitted(tamed(jnp.asarray(0.1), 0.01))
    parts, loss = dict(whole.history[-1].parts), whole.history[-1].loss
    np.testing.assert_allclose(parts["error"] + parts["penalty"], loss, rtol=1e-5)
    assert parts["error"] < 0.8 * dict(whole.history[0].parts)["error"]
    stopping = Interrupted(file, 30)
    stopped = fitted(tamed(jnp.asarray(0.1), 0.01), stopping, tmp_path / "fit")
    assert stopped.status.name == "interrupted" and 0 < stopped.steps < 60
    resumed = fitted(tamed(jnp.asarray(0.1), 0.01), folder=tmp_path / "fit")
    same(eqx.filter(resumed.model, eqx.is_array), eqx.filter(whole.model, eqx.is_array))
    other = outside("other_tamed", TAMED.replace("** 2, v", "** 3, v")).Tamed
    for objective in (tamed(jnp.asarray(0.2), 0.01), tamed(jnp.asarray(0.1), 0.02)):
        with pytest.raises(RunError, match="the folder holds another fit"):
            fitted(objective, folder=tmp_path / "fit")
    with pytest.raises(RunError, match="the folder holds another fit"):
        fitted(other(jnp.asarray(0.1), 0.01), folder=tmp_path / "fit")
