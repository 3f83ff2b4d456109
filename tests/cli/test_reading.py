"""The options that say how a data file is read, and every command's reading of foreign files."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
from typer.testing import CliRunner

from riesz import open_pairs
from riesz.cli import app
from riesz.cli._predict import read_inputs
from riesz.cli._reading import Reading
from riesz.data import fingerprint, write_pairs
from riesz.domains import Box, Interval, MaskedGrid, Space, Torus
from riesz.errors import DataError, UsageError

FILE = pathlib.Path(__file__).parents[1] / "data" / "_foreign.py"
spec = importlib.util.spec_from_file_location("_foreign", FILE)
foreign = importlib.util.module_from_spec(spec)
spec.loader.exec_module(foreign)

OSTIA = pathlib.Path(__file__).parents[3] / "shared" / "data" / "ostia_monthly.nc"


def test_options_of_each_side_and_axis():
    reading = Reading(
        domain="0:1,0:2",
        periodic="yes,no",
        nodes="input=uniform,left;output=centre",
        channels="output=first",
    )
    arguments = reading.arguments()
    circle = Torus(0, 1) * Interval(0, 2)
    assert arguments["domain"] == {"input": circle, "output": circle}
    assert arguments["nodes"] == {"input": ("uniform", "left"), "output": "centre"}
    assert arguments["channels"] == {"output": "first"} and arguments["periodic"] == {}
    assert Reading(domain="-1:1,0:1e3").arguments()["domain"]["input"] == Box((-1, 0), (1, 1000))
    assert Reading(periodic="no").arguments()["periodic"] == {"input": False, "output": False}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"domain": "0-1"}, "LOWER:UPPER for each axis"),
        ({"domain": "1:0"}, "LOWER:UPPER for each axis"),
        ({"periodic": "true"}, "yes or no"),
        ({"channels": "middle"}, "first, last or none"),
        ({"nodes": "source=left"}, "input=VALUE;output=VALUE"),
    ],
)
def test_options_that_cannot_be_read(options, words):
    with pytest.raises(UsageError, match=words) as caught:
        Reading(**options).arguments()
    assert next(iter(options)) in str(caught.value)


def as_options(options):
    """The keywords of `open_pairs` as one types them."""
    out = {k: v for k, v in options.items() if k in ("input", "output", "lead", "channels")}
    if (domain := options.get("domain")) is not None:
        ends = zip(domain.lower, domain.upper, strict=True)
        out["domain"] = ",".join(f"{a}:{b}" for a, b in ends)
    if "periodic" in options:
        out["periodic"] = "yes" if options["periodic"] else "no"
    if nodes := options.get("nodes"):
        out["nodes"] = nodes if isinstance(nodes, str) else ",".join(nodes)
    if isinstance(out.get("channels"), dict):
        out["channels"] = ";".join(f"{k}={v}" for k, v in out["channels"].items())
    return Reading(**out)


@pytest.mark.long
def test_commands_read_foreign_files_as_open_pairs_does(tmp_path):
    """`riesz train` and `evaluate` by `open_pairs`, `riesz predict` by its own reader."""
    for name, case in foreign.CASES.items():
        path = tmp_path / f"{name}{case.suffix}"
        case.write(path)
        if case.refused:
            continue
        file = open_pairs(path, **case.options)
        again = open_pairs(path, **as_options(case.options).arguments())
        assert again.fingerprint == file.fingerprint and again.inputs.shape == file.inputs.shape
        assert again.input_space == file.input_space and again.output_space == file.output_space
        card = {"data": {"lead": case.options.get("lead"), "input": file.inputs.name}}
        found = read_inputs(str(path), as_options(case.options), card, file.input_space)
        wanted = file[[-1]].inputs
        row = file.rows[0][-1]
        np.testing.assert_array_equal(found.values[row], wanted.values[0], err_msg=name)
        path.unlink()


def test_info_says_what_a_file_is_taken_for(tmp_path):
    u = np.linspace(0, 1, 6 * 40).reshape(6, 40)
    np.savez(tmp_path / "d.npz", a=u, u=u, x=np.linspace(0, 2, 40))
    done = CliRunner().invoke(app, ["info", str(tmp_path / "d.npz")])
    assert not done.exit_code, done.stderr
    assert "a  6 x 40  float64" in done.stdout and "x 0..2 (40 vertex)" in done.stdout
    done = CliRunner().invoke(app, ["info", str(tmp_path / "d.npz"), "--lead", "2", "--json"])
    assert (
        json.loads(done.stdout)["understood"][0] == "4 pairs: each time and the one 2 steps later"
    )
    np.savez(tmp_path / "d.npz", p=u, q=u, w=u)
    done = CliRunner().invoke(app, ["info", str(tmp_path / "d.npz"), "--json"])
    assert done.exit_code == 2 and "not clear" in json.loads(done.stdout)["error"]["message"]
    done = CliRunner().invoke(app, ["info", str(tmp_path), "--nodes", "left"])
    assert done.exit_code == 2 and "options of reading are for data files" in done.stderr


@pytest.mark.skipif(not OSTIA.exists(), reason="shared/data is absent")
def test_sea_surface_temperature_opens_as_it_is(tmp_path):
    file = open_pairs(OSTIA, lead=1)
    assert len(file) == 53 and file.output_space.units == ("K",)
    assert file.output_space.domain.names == ("latitude", "longitude")
    assert file.output_space.domain.units == ("degrees_north", "degrees_east")
    assert file.output_space.domain.periodic == (False, True)
    assert file.output_space.domain.upper[1] == 360
    assert isinstance(file.output_grid, MaskedGrid) and file.output_grid.shape == (18, 432)
    assert round(float(np.mean(file.output_grid.mask)), 3) == 0.736
    pairs = file.all()
    assert 285 < np.min(pairs.outputs.values[:, file.output_grid.mask]) < 305
    np.testing.assert_array_equal(pairs.inputs.values[1:], pairs.outputs.values[:-1])
    assert file.times[0] == 318828 and file.time_label.startswith("hours since 1970-01-01")
    assert open_pairs(OSTIA).fingerprint == file.fingerprint
    text = "\n".join(file.understood())
    for words in (
        "53 pairs: each time and the next one",
        "26.4% of the places",
        "closed: 0 .. 360",
    ):
        assert words in text
    write_pairs(tmp_path / "native.h5", pairs)
    native = open_pairs(tmp_path / "native.h5")
    assert native.fingerprint == fingerprint(pairs) and native.output_grid.shape == (18, 432)


def test_a_model_reads_inputs_by_their_coordinates(tmp_path):
    """Nodes of an option and coordinates of a file must agree on the model's domain."""
    x = np.linspace(0, 1, 9)[::-1]
    np.savez(tmp_path / "d.npz", a=np.stack([x, 2 * x]), x=x)
    space = Space(Interval(0, 1))
    found = read_inputs(str(tmp_path / "d.npz"), Reading(nodes="vertex"), {}, space)
    np.testing.assert_allclose(found.values[1, :, 0], np.linspace(0, 2, 9), rtol=1e-6)
    with pytest.raises(DataError, match="the coordinates of x in the file disagree"):
        read_inputs(str(tmp_path / "d.npz"), Reading(nodes="centre"), {}, space)
