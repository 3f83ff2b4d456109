"""Trains on Burgers' equation at 128 points, and evaluates at 128 to 1024.

    python benchmarks/burgers.py [FOLDER]    # writes docs/tables/burgers.md

`riesz train burgers --samples 1000 --grid 128`, then `riesz evaluate` on 200 fresh functions.
"""

import sys
import tempfile
from pathlib import Path

from commands import TABLES, footer, load, riesz

RESOLUTIONS = (128, 256, 512, 1024)


def main() -> None:
    """Run the commands and write the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "burgers"
    loads = [load()]
    trained, seconds = riesz("train", "burgers", "--samples", 1000, "--grid", 128, "--out", folder)
    grids = [word for r in RESOLUTIONS for word in ("--grid", r)]
    report, _ = riesz("evaluate", folder, *grids, "--samples", 200, "--seed", 7)
    lines = ["| points | relative L2 | relative H1 | coverage, nominal 90% |", "|---|---|---|---|"]
    for row in report["results"]:
        lines.append(
            f"| {row['resolution']} | {row['relative_l2']:.4%} | {row['relative_h1']:.4%} "
            f"| {row['coverage']:.0%} |"
        )
    text = "\n".join(lines)
    steps = trained["training"]["steps"]
    text += "\n\nViscosity 0.1, 1000 training samples on 128 points, 200 unseen functions; "
    text += f"{seconds:.0f} s for sampling, {steps} steps, calibration and a first evaluation."
    print(text)
    (TABLES / "burgers.md").write_text(text + footer(loads))


if __name__ == "__main__":
    main()
