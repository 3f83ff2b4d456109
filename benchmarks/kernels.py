"""Compares kernels of infinite networks by Riesz and by neural-tangents: values and time.

    make bench-kernels            # makes both environments, measures, writes the table
    python benchmarks/kernels.py [--peer PYTHON] [--runs 9] [--only WORD] [--record]
    python benchmarks/kernels.py --record-oracle      # tests/networks/oracle.npz

One process a side, each in its own environment, given the same inputs in float64 and asked in
turn, so that whatever else the machine does falls on both. Both compute NNGP and NTK together,
compiled. `--record` writes benchmarks/results/kernels.json and docs/tables/kernels.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from _kernels_cases import DESCRIPTIONS, ORACLE, inputs
from _kernels_limits import LIMITS
from _kernels_side import Side
from commands import hardware, today

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "kernels.json"
TABLE = ROOT / "docs" / "tables" / "kernels.md"
ORACLE_FILE = ROOT / "tests" / "networks" / "oracle.npz"
PEER = ROOT / ".venv-oracle" / "bin" / "python"
SETS = {"one_set": False, "two_sets": True}  # k(x, x), k(x, y)
BLOCK = 0.1  # seconds of work between two turns, at least


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, relative to the largest entry."""
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))


def differences(ours: dict, theirs: dict, pair: bool) -> dict[str, float]:
    """Between the kernels of the two sides; the diagonal of one set of inputs by itself."""
    if pair:
        return {"entries": max(difference(ours[k], theirs[k]) for k in theirs)}
    off = ~np.eye(len(theirs["ntk"]), dtype=bool)
    return {
        "entries": max(difference(ours[k][off], theirs[k][off]) for k in theirs),
        "diagonal": max(difference(np.diag(ours[k]), np.diag(theirs[k])) for k in theirs),
    }


def compare(sides: dict[str, Side], name: str, pair: bool, runs: int, folder: Path) -> dict:
    """Differences and medians of interleaved runs for one description."""
    path = folder / "inputs.npz"
    np.savez(path, **inputs(DESCRIPTIONS[name]))
    work = {"description": DESCRIPTIONS[name], "inputs": str(path), "pair": pair}
    first = {side: worker.ask("prepare", **work) for side, worker in sides.items()}
    failed = {side: answer["error"] for side, answer in first.items() if "error" in answer}
    if failed:
        return {"errors": failed}
    ours, theirs = (worker.kernels(folder) for worker in sides.values())
    times = {s: max(1, round(BLOCK / w.ask("run", times=1)["seconds"])) for s, w in sides.items()}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(runs):
        for side in list(sides)[:: 1 if number % 2 else -1]:
            seconds[side].append(sides[side].ask("run", times=times[side])["seconds"])
    return {
        "difference": differences(ours, theirs, pair),
        "first_call_s": {side: answer["seconds"] for side, answer in first.items()},
        "ms": {side: 1e3 * median(values) for side, values in seconds.items()},
        "ratio": median(a / b for a, b in zip(*seconds.values(), strict=True)),
    }


def measure(python: Path, runs: int, only: str) -> dict:
    """All descriptions, then what one of the sides cannot do."""
    result: dict = {"networks": {}, "limits": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        programs = {"riesz": sys.executable, "neural-tangents": str(python)}
        sides = {name: Side(name, program) for name, program in programs.items()}
        for name in (n for n in DESCRIPTIONS if only in n):
            rows = {s: compare(sides, name, pair, runs, folder) for s, pair in SETS.items()}
            result["networks"][name] = {"description": DESCRIPTIONS[name], **rows}
            print(name, json.dumps(rows), flush=True)
        for side in sides.values():
            side.close()
        for limit in LIMITS if not only else ():
            result["limits"].append(limit(programs, folder))
            print(result["limits"][-1], flush=True)
    return result


def table(result: dict) -> str:
    """The result in Markdown."""
    names = ["riesz ms", "neural-tangents ms", "ratio"]
    head = [
        "network",
        *(f"{what}, {s.replace('_', ' ')}" for s in SETS for what in names),
        "first call s",
        "differ",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, rows in result["networks"].items():
        cells = [name]
        for one in (rows[s] for s in SETS):
            cells += [f"{ms:.3g}" for ms in one["ms"].values()] + [f"{one['ratio']:.2f}"]
        one = rows["two_sets"]
        cells.append(" / ".join(f"{s:.2f}" for s in one["first_call_s"].values()))
        cells.append(f"{max(rows[s]['difference']['entries'] for s in SETS):.0e}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| where it matters | neural-tangents | riesz |", "|---|---|---|"]
    lines += [f"| {row['what']} | {row['peer']} | {row['riesz']} |" for row in result["limits"]]
    return "\n".join(lines)


def record_oracle(python: Path) -> None:
    """Both kernels of tiny inputs by neural-tangents, for the tests."""
    kernels = []
    with tempfile.TemporaryDirectory() as scratch:
        side = Side("neural-tangents", str(python))
        path = Path(scratch) / "inputs.npz"
        for description in ORACLE:
            np.savez(path, **inputs(description, tiny=True))
            work = {"description": description, "inputs": str(path), "pair": False}
            answer = side.ask("prepare", **work)
            if "error" in answer:
                sys.exit(f"{description}: {answer['error']}")
            found = side.kernels(Path(scratch))
            kernels.append([found["nngp"], found["ntk"]])
        side.close()
    points = {"vectors": inputs("", tiny=True)["x"], "images": inputs("Conv", tiny=True)["x"]}
    np.savez_compressed(ORACLE_FILE, descriptions=ORACLE, kernels=kernels, **points)


def main() -> None:
    """Measure, print, and with `--record` keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, default=PEER, help="the Python of neural-tangents")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", default="", help="networks whose name has this word")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--record-oracle", action="store_true")
    options = parser.parse_args()
    if options.record_oracle:
        return record_oracle(options.peer)
    result = measure(options.peer, options.runs, options.only)
    result |= {
        "runs": options.runs,
        "date": today(),
        "hardware": hardware(),
    }
    print(table(result))
    if options.record:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
        note = f"\n\nMedians of {result['runs']} interleaved runs, {result['hardware']}, "
        TABLE.write_text(f"{table(result)}{note}{result['date']}.\n")


if __name__ == "__main__":
    main()
