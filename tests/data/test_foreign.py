"""Files of other programs: each is read right, or refused with what to do about it."""

import importlib.util
import pathlib
import sys
import time

import numpy as np
import pytest

from riesz import open_pairs
from riesz.data import load_functions
from riesz.domains import Grid, MaskedGrid, Points
from riesz.errors import DataError

FILE = pathlib.Path(__file__).with_name("_foreign.py")
spec = importlib.util.spec_from_file_location("_foreign", FILE)
foreign = importlib.util.module_from_spec(spec)
spec.loader.exec_module(foreign)
CASES = foreign.CASES


def written(name, tmp_path):
    case = CASES[name]
    path = tmp_path / f"{name}{case.suffix}"
    truth = case.write(path)
    return path, case, truth


def test_there_are_enough_cases():
    assert len(CASES) >= 50
    print("\n".join(f"{c.trap:60} {c.refused or 'right'}" for c in CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_right_or_refused(name, tmp_path):
    path, case, truth = written(name, tmp_path)
    options = dict(case.options)
    start = time.perf_counter()
    if case.refused:
        with pytest.raises(DataError) as caught:
            open_pairs(path, **options)
        assert case.refused in str(caught.value) and str(path) in str(caught.value)
        assert caught.value.repair
        assert time.perf_counter() - start < 20
        return
    file = open_pairs(path, **options)
    pairs = file.all()
    assert time.perf_counter() - start < 20
    lead = options.get("lead", 1)
    if name.startswith("netcdf_series") and lead > 1:
        u = np.concatenate([truth.inputs[:1], truth.outputs])
        truth = truth._replace(inputs=u[:-lead], outputs=u[lead:], times=foreign.DAYS[lead:],
                               mask=truth.mask[: len(u) - lead], says="")  # fmt: skip
    # a value packed in 16 bits is known to half a unit of its last place, 0.0005
    close = 1e-3 if "packed" in name else 0
    np.testing.assert_allclose(pairs.inputs.values, truth.inputs.astype("f4"), atol=close)
    np.testing.assert_allclose(pairs.outputs.values, truth.outputs.astype("f4"), atol=close)
    require_places(file.inputs, truth.axes, truth.points)
    require_places(
        file.outputs, truth.output_axes or truth.axes, None if truth.output_axes else truth.points
    )
    if truth.periodic is not None:
        assert file.input_space.domain.periodic == truth.periodic
    if truth.mask is not None:
        mask = pairs.inputs.discretization.mask
        np.testing.assert_array_equal(np.broadcast_to(mask, truth.mask.shape), truth.mask)
    if truth.times is not None:
        np.testing.assert_allclose(file.times, truth.times)
    text = "\n".join(file.understood())
    assert (truth.says in text or not case.first) and str(len(file)) in text
    name = file.inputs.name
    kept = {
        k: v for k, v in options.items() if k in ("domain", "channels", "periodic", "nodes", "lead")
    }
    kept = {k: v["input"] if isinstance(v, dict) else v for k, v in kept.items()}
    first = load_functions(path, name=name, **kept)
    at = file.rows[0][-1]
    np.testing.assert_array_equal(first.values[at], pairs.inputs.values[-1])
    np.testing.assert_array_equal(file[[-1]].outputs.values[0], pairs.outputs.values[-1])


def require_places(samples, axes, points):
    where = samples.discretization
    if points is not None:
        assert isinstance(where, Points)
        found = np.asarray((samples.each or where).coordinates)
        there = np.isfinite(points)
        np.testing.assert_allclose(np.where(there, found, 0), np.where(there, points, 0), atol=1e-6)
        return
    grid = where.base if isinstance(where, MaskedGrid) else where
    assert isinstance(grid, Grid) and len(axes) == len(grid.shape)
    for found, x in zip(grid.axis_coordinates, axes, strict=True):
        np.testing.assert_allclose(found, x, rtol=1e-6, atol=1e-6 * np.abs(x).max())


@pytest.mark.parametrize("name", ["netcdf_series", "netcdf_3"])
def test_netcdf_without_its_libraries(name, tmp_path, monkeypatch):
    path = written(name, tmp_path)[0]
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(DataError, match="pip install xarray h5netcdf"):
        open_pairs(path)
