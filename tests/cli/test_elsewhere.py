"""Inputs and outputs at different points: trained, banded, saved, predicted and evaluated."""

import numpy as np
import pytest

import riesz
from riesz.domains import Mesh, Region
from riesz.functions import Function, Pairs, stack

SAMPLES, SIDE = 60, 8
TRAIN = ["--operator", "FNO(modes=2, width=4, layers=1)", "--steps", "10"]


def bumps(c, x, y):
    """Smooth functions of the plane, one per row of coefficients; places may differ by row."""
    parts = np.stack([np.ones_like(x), np.sin(3 * x), np.cos(2 * y), x * y])
    c = c.reshape(*c.shape, *(1,) * (1 if x.ndim == 1 or len(x) == len(c) else 2))
    return sum(c[:, k] * parts[k] for k in range(4))


def sensors_to_field(draw, path):
    """Up to 15 sensors at other places in each sample, and the field on a grid."""
    c = draw.normal(size=(SAMPLES, 4))
    places = draw.uniform(size=(SAMPLES, 15, 2))
    values = bumps(c, places[..., 0], places[..., 1])
    places[3, 12:], values[3, 12:] = np.nan, np.nan
    x = np.linspace(0, 1, SIDE)
    field = bumps(c, *np.meshgrid(x, x, indexing="ij"))
    np.savez(path, input=values, input_coordinates=places, output=field, x=x, y=x)
    return (SIDE, SIDE)


def field_to_points(draw, path):
    """A field on a grid, and its square at 30 places."""
    c, places = draw.normal(size=(SAMPLES, 4)), draw.uniform(size=(30, 2))
    x = np.linspace(0, 1, SIDE)
    field = bumps(c, *np.meshgrid(x, x, indexing="ij"))
    values = bumps(c, *places.T) ** 2
    np.savez(path, input=field, x=x, y=x, output=values, output_coordinates=places)
    return (30,)


def curves_to_curves(draw, path):
    """Curves at 24 even places, and their derivatives at 17 uneven ones."""
    c, k = draw.normal(size=(SAMPLES, 3)), np.arange(1, 4)
    x, y = np.linspace(0, 1, 24), np.linspace(0, 1, 17) ** 1.5
    np.savez(
        path,
        input=c @ np.sin(k[:, None] * x),
        input_coordinates=x,
        output=(c * k) @ np.cos(k[:, None] * y),
        output_coordinates=y,
    )
    return (17,)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "base"),
    [(sensors_to_field, "--base"), (field_to_points, "--no-base"), (curves_to_curves, "--base")],
)
def test_outputs_lie_at_other_points(kind, base, tmp_path, value):
    data, out, answer = tmp_path / "data.npz", tmp_path / "run", tmp_path / "answer.npz"
    shape = kind(np.random.default_rng(0), data)
    trained = value("train", data, *TRAIN, base, "--out", out)
    (result,) = trained["results"]
    assert tuple(result["shape"]) == shape and np.isfinite(result["error"])
    assert trained["baselines"] and result["channels"][0]["half_width"]["mean"] > 0
    predicted = value("predict", out, data, "-o", answer)
    assert tuple(predicted["shape"]) == shape and predicted["calibrated"]
    arrays = np.load(answer)
    assert arrays["prediction"].shape == (SAMPLES, *shape, 1)
    assert (arrays["lower"] <= arrays["upper"]).all() and np.isfinite(arrays["prediction"]).all()
    again = value("evaluate", out, "--data", data)
    assert again["results"][0]["n"] == SAMPLES and again["baselines"]


@pytest.mark.long
def test_points_of_each_output_are_asked_for(tmp_path, value, call):
    draw, data, out = np.random.default_rng(1), tmp_path / "data.npz", tmp_path / "run"
    c, places = draw.normal(size=(SAMPLES, 4)), draw.uniform(size=(SAMPLES, 20, 2))
    x = np.linspace(0, 1, SIDE)
    field = bumps(c, *np.meshgrid(x, x, indexing="ij"))
    values = bumps(c, places[..., 0], places[..., 1])
    np.savez(data, input=field, x=x, y=x, output=values, output_coordinates=places)
    value("train", data, *TRAIN, "--no-base", "--out", out)
    error = value("predict", out, data, "-o", tmp_path / "a.npz", code=2)["error"]
    assert "--on FILE" in error["expected"]
    points = tmp_path / "points.npz"
    np.savez(points, u=np.zeros((SAMPLES, 20)), coordinates=places)
    predicted = value("predict", out, data, "--on", points, "-o", tmp_path / "b.npz")
    assert predicted["shape"] == [20]
    assert np.load(tmp_path / "b.npz")["coordinates"].shape == (SAMPLES, 20, 2)


@pytest.mark.long
def test_flat_outputs_are_named_and_sizes_are_of_no_concern(tmp_path, value):
    draw, data = np.random.default_rng(0), tmp_path / "data.npz"
    x = np.linspace(0, 1, 24)
    c, k = draw.normal(size=(SAMPLES, 3)), np.arange(1, 4)
    wave = c @ np.sin(k[:, None] * x)
    flat, zero = np.full_like(wave, 7.0), wave.copy()
    zero[5] = 0
    outputs = np.stack([1e-30 * wave, 1e30 * wave, flat, zero], -1)
    np.savez(data, a=wave[..., None], u=outputs.astype("f4"))
    out = tmp_path / "run"
    options = ["--nodes", "vertex", "--channels", "last", "--no-base", *TRAIN]
    trained = value("train", data, *options, "--out", out)
    channels = trained["results"][0]["channels"]
    assert all(np.isfinite(c["error"]) for c in channels) and len(channels) == 4
    report = (out / "report.md").read_text()
    assert "'u2' is constant" in report or "'u2' is 7 in all" in report
    assert "'u3' is constant in 1 training samples: " in report or trained["training"]["notes"]


@pytest.mark.slow
def test_meshes_that_differ_are_trained_evaluated_and_predicted(tmp_path, value):
    random = np.random.default_rng(0)
    inputs, outputs = [], []
    for i in range(48):
        mesh = Mesh.disk(refinements=2) if i % 2 else Mesh.l_shape(4)
        x = np.asarray(mesh.relative, np.float32) * random.uniform(0.8, 1.2, 2).astype(np.float32)
        mesh = Mesh(Region(2), x, mesh.cells, mesh.boundary)
        a = random.normal() * x[:, :1] + random.normal() * x[:, 1:]
        inputs.append(Function(a.astype(np.float32), mesh))
        outputs.append(Function((a**2).astype(np.float32), mesh))
    riesz.write_pairs(tmp_path / "meshes.h5", Pairs(stack(inputs), stack(outputs)))
    out = tmp_path / "run"
    text = "GNO(radius=0.5, width=8, layers=2)"
    found = value("train", tmp_path / "meshes.h5", "--operator", text, "--steps", 60, "--out", out)
    assert found["results"][0]["channels"][0]["calibrated"]
    value("predict", out, tmp_path / "meshes.h5", "-o", tmp_path / "answers.npz")
    with np.load(tmp_path / "answers.npz") as answers:
        assert answers["prediction"].shape[0] == 48
        present = np.isfinite(answers["prediction"])
        assert (answers["lower"][present] < answers["upper"][present]).all()


@pytest.mark.long
def test_two_fields_and_numbers_are_trained_predicted_and_evaluated(tmp_path, call, value):
    draw = np.random.default_rng(0)
    shift, nu = draw.uniform(size=(SAMPLES, 2)), draw.uniform(1, 2, (SAMPLES, 2))
    x = np.arange(16) / 16
    a, f = np.sin(2 * np.pi * (x + shift[:, :1])), np.cos(4 * np.pi * (x + shift[:, 1:]))
    arrays = {"a": a, "f": f, "nu": nu, "u": nu[:, :1] * a + nu[:, 1:] * f, "drag": nu[:, 0]}
    np.savez(tmp_path / "d.npz", **arrays)
    out = tmp_path / "run"
    names = ["--input", "a,f,nu", "--output", "u,drag", "--channels", "nu=last"]
    value("train", tmp_path / "d.npz", *names, "--periodic", "yes", *TRAIN, "--out", out)
    np.savez(tmp_path / "new.npz", **{name: arrays[name][:5] for name in ("a", "f", "nu")})
    value("predict", out, tmp_path / "new.npz", "-o", tmp_path / "answers.npz")
    with np.load(tmp_path / "answers.npz") as answers:
        assert answers["drag"].shape == (5, 1) and answers["prediction"].shape == (5, 16, 2)
        assert (answers["drag_lower"] < answers["drag_upper"]).all()
        np.testing.assert_allclose(answers["prediction"][..., 1].mean(1), answers["drag"][:, 0])
    report = value("evaluate", out, "--data", tmp_path / "d.npz")
    assert [c["name"] for c in report["results"][0]["channels"]] == ["u", "drag"]
    np.savez(tmp_path / "less.npz", a=a, nu=nu)
    said = call("predict", out, tmp_path / "less.npz", "-o", tmp_path / "no.npz", code=2)
    assert "there is no data set 'f'" in said.stderr


def field_curve_and_number(draw, path):
    """A field, a curve at other places in each sample and a number; a field and a number."""
    c, b, k = draw.normal(size=(SAMPLES, 4)), draw.normal(size=(SAMPLES, 2)), draw.uniform(size=60)
    x, s = np.linspace(0, 1, SIDE), np.sort(draw.uniform(0, 4, (SAMPLES, 9)), 1)
    f = bumps(c, *np.meshgrid(x, x, indexing="ij"))
    g = b[:, :1] * np.cos(np.pi * s / 2) + b[:, 1:]
    u = f * k[:, None, None] + b[:, 1, None, None] * x
    np.savez(path, f=f, g=g, g_coordinates=s, k=k, u=u, q=k * b[:, 0])


@pytest.mark.slow
def test_functions_on_several_domains(tmp_path, value, call):
    data, out, answer = tmp_path / "data.npz", tmp_path / "run", tmp_path / "answer.npz"
    field_curve_and_number(np.random.default_rng(0), data)
    names = ["--input", "f,g,k", "--output", "u,q"]
    read = [*names, "--nodes", "f=vertex;u=vertex", "--domain", "g=0:4", "--periodic", "g=yes"]
    lines = value("info", data, *read)["understood"]
    assert "g on up to 9 scattered points of circle[0, 4), others in each sample" in lines[1]
    text = "MIONet(sensors=4, width=8, basis=4, depth=1)"
    report = value("train", data, *read, "--operator", text, "--steps", "10", "--out", out)
    assert {c["name"] for c in report["results"][0]["channels"]} == {"u", "q"}
    assert {"PCA + ridge", "nearest neighbours"} <= {b["name"] for b in report["baselines"]}
    assert {"inputs.png", "prediction.png"} <= {path.name for path in out.iterdir()}
    assert "circle[0, 4) (g)" in call("info", out).stdout
    value("predict", out, data, "-o", answer)  # names and nodes are those of the training data
    with np.load(answer) as found:
        assert found["u"].shape == found["u_upper"].shape == (SAMPLES, SIDE, SIDE, 1)
        assert found["u_coordinates"].shape == (SAMPLES, SIDE, SIDE, 2)[1:]
        assert found["q"].shape == found["q_lower"].shape == (SAMPLES, 1)
        assert np.all(found["q_lower"] <= found["q"]) and "prediction" not in found
    again = value("evaluate", out, "--data", data, "--samples", "8")
    assert again["results"][0]["n"] == 8
    refused = value("train", data, *read, "--operator", "FNO()", "--out", tmp_path / "no", code=2)
    assert "MIONet" in refused["error"]["repair"]


def test_functions_of_one_domain_apart(tmp_path, value):
    r = np.random.default_rng(0)
    np.savez(
        tmp_path / "d.npz",
        a=r.normal(size=(6, 8)),
        b=r.normal(size=(6, 8)),
        u=r.normal(size=(6, 8)),
    )
    read = ["--input", "a,b", "--output", "u", "--nodes", "left"]
    assert (
        value("info", tmp_path / "d.npz", *read)["understood"][1] == "input: a, b on 0..1 (8 left)"
    )
    apart = value("info", tmp_path / "d.npz", *read, "--apart")["understood"]
    assert apart[1] == "input: a on 0..1 (8 left); b on 0..1 (8 left)"
