"""Splits and baselines of `riesz train`."""

import numpy as np
import pytest

SMALL = ["--operator", "FNO(modes=3, width=4, layers=1)", "--steps", "20"]


@pytest.fixture(scope="module")
def series(folder, write):
    """A field that moves and forgets, written as pairs of a time and the next one, with times."""
    random, fields = np.random.default_rng(0), [np.zeros(16)]
    for _ in range(140):
        fields.append(0.9 * np.roll(fields[-1], 1) + 0.4 * random.standard_normal(16))
    fields = np.array(fields, "f4")
    return write(folder / "series.h5", a=fields[:-1], u=fields[1:])


@pytest.mark.long
@pytest.mark.parametrize("by", ["random", "time"])
def test_a_split_is_chosen_and_said(by, series, folder, value, call):
    out = folder / f"split_{by}"
    result = value("train", series, "--nodes", "vertex", "--split", by, *SMALL, "--out", out)
    card = value("info", out)
    assert card["split"]["by"] == by
    test = np.array(card["split"]["test_pairs"])
    assert (test[0] > max(card["split"]["calibration_pairs"])) == (by == "time")
    expected = "samples left out between parts" if by == "time" else "at random"
    assert expected in (out / "report.md").read_text()
    assert expected in call("info", out).stdout
    names = {row["name"] for row in result["baselines"]}
    assert {"training mean", "pointwise linear", "PCA + ridge", "nearest neighbours"} <= names
    best = min(row["error"] for row in result["baselines"])
    assert result["results"][0]["error"] < 1.05 * best


def test_an_unknown_split_is_refused(series, call):
    text = call("train", series, "--split", "odd", code=2).stderr
    assert "--split has a value that makes no sense" in text and "random, time or group" in text
