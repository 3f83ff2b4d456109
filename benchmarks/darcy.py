"""Trains and evaluates on the Darcy data at 16 x 16 and 32 x 32, three seeds.

    python benchmarks/darcy.py [FOLDER]      # writes docs/tables/darcy.md

Each seed is `riesz train darcy --data FILE::train_16 --nodes left --time-budget 180`, then
`riesz evaluate` on the two test groups, which are the same 50 cases at two resolutions. Needs the
file ../shared/data/darcy_16_32.h5 beside the checkout.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median

from commands import DARCY, TABLES, footer, load, riesz

SEEDS, BUDGET = (0, 1, 2), 180


def main() -> None:
    """Run the commands and write the table."""
    if not DARCY.is_file():
        print(f"skipped: {DARCY} is not there")
        return
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    lines = [
        "| seed | relative L2 at 16 x 16 | at 32 x 32 "
        "| coverage, nominal 90% | at 32 x 32 | steps |"
    ]
    lines.append("|---|---|---|---|---|---|")
    errors, loads = [], []
    for seed in SEEDS:
        run = folder / f"darcy-{seed}"
        loads.append(load())
        options = ("--nodes", "left", "--operator", "FNO()", "--out", run, "--seed", seed)
        trained, _ = riesz(
            "train", "darcy", "--data", f"{DARCY}::train_16", *options, "--time-budget", BUDGET
        )
        rows = []
        for group in ("test_16", "test_32"):
            report, _ = riesz("evaluate", run, "--data", f"{DARCY}::{group}", "--nodes", "left")
            rows.append(report["results"][0])
        errors.append([row["relative_l2"] for row in rows])
        a, b = rows
        lines.append(
            f"| {seed} | {a['relative_l2']:.4f} | {b['relative_l2']:.4f} | {a['coverage']:.0%} "
            f"| {b['coverage']:.0%} | {trained['training']['steps']} |"
        )
        print(lines[-1], flush=True)
    at_16, at_32 = (median(e) for e in zip(*errors, strict=True))
    lines.append(f"| median | {at_16:.4f} | {at_32:.4f} | | | |")
    text = "\n".join(lines)
    text += f"\n\n1000 pairs at 16 x 16, {BUDGET} s for each training; 50 test cases."
    text += footer(loads)
    (TABLES / "darcy.md").write_text(text)


if __name__ == "__main__":
    main()
