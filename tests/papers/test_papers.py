import json
import subprocess
import sys

import pytest

from riesz.errors import RunError
from riesz.papers import PAPERS, Paper, _results, reproduce


@pytest.fixture
def results(tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    monkeypatch.setattr(_results, "RESULTS", path)
    return path


@pytest.fixture
def toy(monkeypatch):
    paper = Paper(
        "toy", "A toy", "1 is 1.", "1 (nowhere)", lambda scale=1.0: {"one": 1.00001 * scale}
    )
    monkeypatch.setitem(PAPERS, "toy", paper)
    return paper


def test_importing_papers_loads_no_jax():
    code = "import sys, riesz.papers; assert 'jax' not in sys.modules; assert riesz.papers.PAPERS"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_says_what_it_claims(name):
    paper = PAPERS[name]
    assert paper.name == name and paper.title and paper.claim and paper.published


SLOW = {"fourier-neural-operator"}  # solves on fine grids, however small the rest


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in PAPERS]
)
def test_a_paper_runs(name):
    measured = PAPERS[name].run(scale=0.002)
    assert measured and all(value == value for value in measured.values())


def test_a_result_is_recorded_beside_the_others(results, toy):
    results.write_text(json.dumps({"other": {"measured": {"two": 2.0}}}))
    assert toy.measured is None and toy.seconds is None and toy.date is None
    record = reproduce("toy")
    assert record["measured"] == {"one": 1.0} == toy.measured
    assert toy.seconds == record["seconds"] and len(toy.date) == 10
    assert record["riesz"] and record["hardware"]
    assert set(json.loads(results.read_text())) == {"other", "toy"}
    assert [file.name for file in results.parent.iterdir()] == ["results.json"]


def test_a_failed_run_leaves_the_record_as_it_was(results, monkeypatch):
    results.write_text('{"toy": {"seconds": 3.0}}')

    def fail():
        raise ZeroDivisionError

    monkeypatch.setitem(PAPERS, "toy", Paper("toy", "A toy", "Fails.", "-", fail))
    with pytest.raises(ZeroDivisionError):
        reproduce("toy")
    assert results.read_text() == '{"toy": {"seconds": 3.0}}'


def test_a_folder_that_cannot_be_written_is_found_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(_results, "RESULTS", tmp_path / "absent" / "results.json")
    with pytest.raises(RunError) as caught:
        reproduce("deeponet")
    assert "the result of a paper cannot be recorded" in str(caught.value)
    assert "repair:   install riesz from a checkout" in str(caught.value)


def test_damaged_results_say_so(results, toy):
    results.write_text("{")
    with pytest.raises(RunError, match="the recorded results of the papers are damaged"):
        _ = toy.measured


def test_an_unknown_name_is_met_with_a_suggestion():
    with pytest.raises(RunError) as caught:
        reproduce("deeponets")
    assert "'deeponets' is not the name of a paper" in str(caught.value)
    assert "did you mean 'deeponet'?" in str(caught.value)
