"""Compares the hyperparameters that `riesz fit-process` finds with those of scikit-learn.

    python benchmarks/tuning.py [--peer PYTHON]      # writes docs/tables/tuning.md

Two series of statsmodels have a trend and a fast oscillation, so that the evidence has several
maxima.
Both sides fit a Matern 5/2 kernel with noise to the same four fifths of the points in the same
scales and are measured on the others. `--peer` is a Python that has statsmodels and scikit-learn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from commands import TABLES, footer, load, riesz

PEER = Path(__file__).with_name("_tuning_peer.py")
RESTARTS, SEEDS = 10, (0,)  # what scikit-learn finds depends on the seed


def peer(python: str, *words: object) -> str:
    """What the side of scikit-learn prints."""
    command = [python, str(PEER), *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def row(side: str, evidence: float, error: float, seconds: float) -> str:
    """One line of the table."""
    return f"{side} | {evidence:.1f} | {error:.2%} | {seconds:.0f} |"


def measure(python: str, name: str, folder: Path, loads: list[float]) -> list[str]:
    """Both sides on one series."""
    file = folder / f"{name}.csv"
    loads.append(load())
    record, seconds = riesz("fit-process", file, "--out", folder / name)
    error = record["relative_rmse"][0]
    side = "`riesz fit-process`, defaults"
    lines = [
        f"| {name}, {record['n_train']} points | "
        + row(side, record["log_evidence"], error, seconds)
    ]
    for seed in SEEDS:
        loads.append(load())
        found = json.loads(peer(python, "fit", file, RESTARTS, seed))
        side = f"scikit-learn, {RESTARTS} restarts, random_state {seed}"
        lines.append("| | " + row(side, found["evidence"], found["error"], found["seconds"]))
    print("\n".join(lines), flush=True)
    return lines


def main() -> None:
    """Measure both series, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=sys.executable, help="the Python of scikit-learn")
    options = parser.parse_args()
    loads: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        peer(options.peer, "export", folder)
        lines = [
            x for name in ("elnino", "co2") for x in measure(options.peer, name, folder, loads)
        ]
    head = "| series | | log evidence | test error | seconds |\n" + "|---" * 5 + "|\n"
    note = "\n\nThe test error is the root mean square on a fifth of the points, as a share of the "
    note += "spread of their values. Seconds of `riesz` include the start of Python, compilation "
    note += "and figures."
    (TABLES / "tuning.md").write_text(head + "\n".join(lines) + note + footer(loads))


if __name__ == "__main__":
    main()
