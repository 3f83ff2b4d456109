"""`riesz fit-process` and `riesz kernel`, and the tables they read."""

import h5py
import jax
import numpy as np
import pytest

import riesz
from riesz.cli._fit_process import describe
from riesz.data.internal import read_array, read_table
from riesz.errors import DataError
from riesz.networks import parse

NETWORK = "Dense(64, w_std=2.0, b_std=1.0) >> Erf() >> Dense(1)"


@pytest.fixture
def curve(tmp_path):
    """A noisy sine as CSV with names, and its columns."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, 40)
    y = 100 + 10 * np.sin(x) + rng.normal(size=40)
    path = tmp_path / "curve.csv"
    np.savetxt(path, np.c_[x, 0 * x, y], delimiter=",", header="time,flat,height", comments="")
    return path, x, y


def test_a_process_is_fitted_and_says_how_good_it_is(curve, tmp_path, value):
    out = tmp_path / "run"
    record = value(
        "fit-process",
        curve[0],
        "--points",
        "time",
        "--kernel",
        "ntk",
        "--network",
        NETWORK,
        "--restarts",
        0,
        "--out",
        out,
    )
    assert record["n_train"] == 32 and record["n_test"] == 8 and record["evidence_of"] == 32
    assert record["relative_rmse"][0] < 0.5 and record["coverage"] > 0.6
    assert 0.5 < record["noise"][0] < 2
    assert {p.name for p in out.iterdir()} == {
        "metrics.json", "predictions.npz", "posterior.png", "test.png",
        "model.json", "weights.safetensors",
    }  # fmt: skip
    with np.load(out / "predictions.npz") as found:
        assert found["mean"].shape == found["values"].shape == (8, 1)
        rmse = np.sqrt(np.mean((found["mean"] - found["values"]) ** 2))
    np.testing.assert_allclose(rmse, record["rmse"][0], rtol=1e-12)


def test_a_stationary_kernel_has_a_length_scale_a_column(tmp_path, value):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    np.savez(tmp_path / "plane.npz", x=x, y=np.sin(2 * x[:, 0]))
    record = value(
        "fit-process", tmp_path / "plane.npz", "--kernel", "squared-exponential", "--restarts", 0,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert record["relative_rmse"][0] < 0.05
    first, second = eval_scales(record["tuned_kernel"])
    assert second > 5 * first  # the second column does not matter


def eval_scales(text):
    inside = text[text.index("[") + 1 : text.index("]")]
    return [float(part) for part in inside.split(",")]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--kernel", "ntk"], "--network TEXT"),
        (["--kernel", "rbf"], "squared-exponential"),
        (["--kernel", "matern52", "--network", NETWORK], "belongs to the kernels nngp and ntk"),
        (["--kernel", "ntk", "--network", "Dense(3) >> Rleu()"], "did you mean Relu?"),
        (["--kernel", "Matern(2.5, 1.0) + Rough(3)"], "there is no Rough in riesz.kernels"),
        (["--kernel", "Matern(2.5, -1.0)"], "positive"),
        (["--values", "weight"], "there is no column 'weight'"),
        (["--test", "0.01"], "too few points"),
        (["--values", "flat"], "is constant, so that there is nothing to fit"),
    ],
)
def test_wrong_calls_say_the_repair(curve, tmp_path, call, arguments, text):
    result = call("fit-process", curve[0], *arguments, "--out", tmp_path / "run", code=2)
    assert text in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def rising(tmp_path_factory, value):
    """A trend with seasons by date, some values missing, fitted; its folder and its numbers."""
    folder = tmp_path_factory.mktemp("rising")
    rng = np.random.default_rng(0)
    days = np.sort(rng.choice(3000, 60, replace=False))
    days -= days[0]
    y = 300 + days / 500 + 3 * np.sin(2 * np.pi * days / 400) + 0.1 * rng.normal(size=60)
    dates = [str(np.datetime64("1970-01-01") + int(d)) for d in days]
    cells = ["" if i % 20 == 5 else f"{v:.4f}" for i, v in enumerate(y)]
    lines = [f"{d},station,{c}" for d, c in zip(dates, cells, strict=True)]
    (folder / "rising.csv").write_text("\n".join(["day,place,co2", *lines]) + "\n")
    kernel = "SquaredExponential(2000) + SquaredExponential(9000) * Periodic(400)"
    record = value(
        "fit-process", folder / "rising.csv", "--points", "day", "--kernel", kernel,
        "--drop-missing", "--restarts", 0, "--out", folder / "run",
    )  # fmt: skip
    return folder, record


def test_a_kernel_is_an_expression_in_the_units_of_the_file(rising, call):
    folder, record = rising
    assert (record["dropped"], record["n_train"], record["n_test"]) == (3, 46, 11)
    assert record["origins"] == ["1970-01-01T00:00:00"] and record["relative_rmse"][0] < 0.2
    period = float(record["tuned_kernel"].partition("Periodic(")[2].partition(",")[0])
    assert abs(period - 400) < 4  # days, not standard deviations of the points
    assert 0.03 < record["noise"][0] < 0.3
    said = call("info", folder / "run").stdout
    assert "in the units of day (days since 1970-01-01)" in said and "Periodic(" in said


def test_a_fitted_process_predicts_at_new_points(rising, value, call):
    folder, record = rising
    new = folder / "new.csv"
    new.write_text("place,day\nhere,1971-02-05\nthere,1972-03-11T12:00\nfar,2070-01-01\n")
    value("predict", folder / "run", new, "-o", folder / "answers.npz")
    out = value("predict", folder / "run", new, "-o", folder / "answers.csv")
    assert out["points"] == 3 and out["level"] == 0.9
    with np.load(folder / "answers.npz") as found:
        np.testing.assert_array_equal(found["points"], [[400], [800.5], [36525]])
        mean, lower, upper = (found[name][:, 0] for name in ("mean", "lower", "upper"))
    at = np.array([400, 800.5])
    truth = 300 + at / 500 + 3 * np.sin(2 * np.pi * at / 400)
    assert np.abs(mean[:2] - truth).max() < 0.5
    assert (upper - lower)[2] > 5 * (upper - lower)[0]  # a century away nothing is known
    lines = (folder / "answers.csv").read_text().splitlines()
    assert lines[0] == "day,mean,lower,upper" and lines[2].startswith("1972-03-11T12:00:00,")
    assert [float(line.split(",")[1]) for line in lines[1:]] == mean.tolist()
    # the model is the process itself, in the units of the file
    with jax.enable_x64(True):
        process = riesz.load(folder / "run")
        law = process.marginal(on=np.array([[400.0]]))
        np.testing.assert_allclose(law.mean[0, 0], mean[0], rtol=1e-12)
        spread = np.sqrt(law.variance[0, 0] + record["noise"][0] ** 2)
    np.testing.assert_allclose((upper - lower)[0], 2 * 1.6448536 * spread, rtol=1e-6)
    wrong = folder / "wrong.csv"
    wrong.write_text("date\n1971-02-05\n")
    result = call("predict", folder / "run", wrong, "-o", folder / "no.csv", code=2)
    assert "there is no column 'day'" in result.stderr
    value("predict", folder / "run", wrong, "--input", "date", "-o", folder / "one.csv")
    result = call(
        "predict", folder / "run", new, "--nodes", "left", "-o", folder / "no.csv", code=2
    )
    assert "these options are for operators" in result.stderr and "--nodes" in result.stderr


def test_rows_without_values_are_refused_unless_they_may_be_dropped(rising, call):
    folder, _ = rising
    result = call(
        "fit-process", folder / "rising.csv", "--points", "day", "--out", folder / "no", code=2
    )
    assert "in 3 of 60 rows: 6, 26, 46" in result.stderr and "--drop-missing" in result.stderr


def test_several_values_keep_their_own_units(tmp_path, value):
    x = np.linspace(0, 5, 40)
    y = np.stack([np.sin(x), 1000 * np.cos(x) + 5000], 1)
    np.savez(tmp_path / "two.npz", x=x, y=y)
    np.savez(tmp_path / "at.npz", x=np.array([1.0, 2.0]))
    value("fit-process", tmp_path / "two.npz", "--restarts", 0, "--out", tmp_path / "run")
    value("predict", tmp_path / "run", tmp_path / "at.npz", "-o", tmp_path / "out.csv")
    head, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert head == "x,y 1 mean,y 1 lower,y 1 upper,y 2 mean,y 2 lower,y 2 upper"
    numbers = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    np.testing.assert_allclose(numbers[:, 1], np.sin([1, 2]), atol=1e-2)
    np.testing.assert_allclose(numbers[:, 4], 1000 * np.cos([1, 2]) + 5000, atol=10)


def test_an_existing_folder_is_left_untouched(curve, tmp_path, call):
    assert "left untouched" in call("fit-process", curve[0], "--out", tmp_path, code=2).stderr


def test_kernels_are_written(tmp_path, value):
    x = np.random.default_rng(2).normal(size=(5, 3))
    np.savez(tmp_path / "x.npz", x=x)
    np.savetxt(tmp_path / "y.txt", x[:2])
    whole, part = tmp_path / "k.npz", tmp_path / "part.h5"
    record = value("kernel", tmp_path / "x.npz", "--network", NETWORK, "-o", whole)
    assert record["exact"] and record["shape"] == [5, 5]
    value("kernel", tmp_path / "x.npz", tmp_path / "y.txt", "--network", NETWORK, "-o", part)
    with jax.enable_x64(True):
        limits = parse(NETWORK).kernel().both(jax.numpy.asarray(x))
        for name, limit in limits._asdict().items():
            with np.load(whole) as written:
                np.testing.assert_allclose(written[name], limit, rtol=1e-12)
            with h5py.File(part) as file:
                np.testing.assert_allclose(file[name], limit[:, :2], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", (("a", "b"), ("c",))),
        ("1;2;3\n4;5;6\n", (("column 1", "column 2"), ("column 3",))),
        ("a, b;b;c\n1,0;2;3\n4;5,00;6\n", (("a, b", "b"), ("c",))),
        ("# note\na\tb\tc\n1\t2\t3\n\n4\t5\t6", (("a", "b"), ("c",))),
        ("1 2  3\n4 5 6\n", (("column 1", "column 2"), ("column 3",))),
    ],
)
def test_text_tables_are_read(tmp_path, text, names):
    path = tmp_path / "t.csv"
    path.write_text(text)
    table = read_table(path)
    np.testing.assert_array_equal(table.points, [[1, 2], [4, 5]])
    np.testing.assert_array_equal(table.values, [[3], [6]])
    assert table.names == names
    np.testing.assert_array_equal(read_array(path), [[1, 2, 3], [4, 5, 6]])


def test_columns_are_chosen_by_name(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,2,3\n4,5,6\n")
    table = read_table(path, points="c", values="a,b")
    np.testing.assert_array_equal(table.points, [[3], [6]])
    np.testing.assert_array_equal(table.values, [[1, 2], [4, 5]])


def test_dates_are_days_and_it_is_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",co2\n1958-03-29,316.1\n1958-04-05,317.3\n1958-04-05T12:00,317\n")
    table = read_table(path)
    np.testing.assert_array_equal(table.points, [[0], [7], [7.5]])
    assert table.notes == ("'' holds dates, read as days since 1958-03-29 00:00:00",)
    assert table.rows(np.array([2])).values == [[317]]
    path.write_text("2020-01-01T12:00Z,1\n2020-01-01T13:30+01:00,2\n")  # without names
    np.testing.assert_allclose(read_table(path).points, [[0], [0.5 / 24]])
    path.write_text("day,y\n19580329,1\n19580405,2\n")
    table = read_table(path)
    np.testing.assert_array_equal(table.points, [[19580329], [19580405]])
    assert "if these are dates, write them as 1958-03-29" in table.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d,y\n29/03/1958,1\n", r"(?s)row 1.*'29/03/1958'.*year-month-day \(ISO 8601\)"),
        ("d,y\n1958-03-29,1\n1958-04,2\n", r"(?s)row 2.*dates as 1958-03-29.*'1958-04'"),
        ("d,y\n1958-03-29,1\n1958-04-05T00:00Z,2\n", r"(?s)row 2.*one time zone or none"),
        ("", "the table is empty"),
        ("a,b\n", "the table is empty"),
        ("1,2\n3\n", r"(?s)row 2 of the table.*expected: 2 numbers.*found:    1 entries"),
        ("1,2\n3,x\n", r"(?s)row 2.*the entry 'x'.*not guessed"),
        ("1,2\n3,nan\n", r"(?s)values are not all finite.*in 1 of 2 rows: 2"),
        ("1\n2\n", "two columns or more"),
    ],
)
def test_bad_tables_are_refused_with_their_row(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_missing_and_unfitting_arrays_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such data file"):
        read_table(tmp_path / "absent.csv")
    np.savez(tmp_path / "odd.npz", a=np.ones(3), y=np.ones(4))
    with pytest.raises(DataError, match=r"(?s)which array holds the points.*--points NAME"):
        read_table(tmp_path / "odd.npz")
    with pytest.raises(DataError, match=r"(?s)do not fit together.*a \(3, 1\), y \(4, 1\)"):
        read_table(tmp_path / "odd.npz", points="a")


@pytest.mark.parametrize(
    ("error", "text", "said"),
    [(0.2, "Dense(8)", False), (0.97, "Dense(8)", True), (0.97, "Dense(8, b_std=0.5)", False)],
)
def test_a_kernel_that_explains_little_says_what_to_try(tmp_path, error, text, said):
    value = {
        **dict.fromkeys(("log_evidence", "nlpd", "coverage", "level"), 0.5),
        **{"points": ["x"], "values": ["y"], "origins": [None], "noise": [0.5]},
        "status": "converged",
        **{"kernel": "ntk", "n_train": 9, "n_test": 3, "tuned_kernel": text, "converged": True},
        **{"network": "Dense(8, 1.0, 0.5)", "relative_rmse": [0.1, error]},
    }
    assert ("give its Dense a b_std=0.5" in describe(tmp_path, value, ["a.png"])) is said
