"""Take the picture of README from a finished run folder, with a caption from its model card.

    python benchmarks/figures.py runs/demo      # `make demo` makes such a folder

Writes docs/images/demo.png and docs/tables/demo.md; then `python benchmarks/readme.py` puts both
into README.
"""

import shutil
import sys
from pathlib import Path

from riesz.io import read_model

DOCS = Path(__file__).resolve().parent.parent / "docs"


def caption(card: dict) -> str:
    """What the picture shows and how the model came about, all from the card."""
    training, data, split = card["training"], card["data"], card["split"]
    hardware = card["hardware"]
    result = card["metrics"]["results"][0]
    points = " x ".join(map(str, data["shape"]))
    text = (
        f"A test function of the problem `{card['problem'] or data['group']}` that the model has "
        f"not seen, with its {card['level']:.0%} band. The model was trained on "
        f"{split['training']} pairs on {points} points for {training['seconds']:.0f} s "
        f"({hardware['processor']}, {hardware['cores']} cores). Against "
        f"{card['metrics']['reference']}, its mean relative L2 error on "
        f"{result['n']} test functions is {result['relative_l2']:.2%}"
    )
    if result["coverage"] is not None:
        text += f"; {result['coverage']:.0%} of them lie in the band everywhere"
    if card["metrics"]["baselines"]:
        best = min(card["metrics"]["baselines"], key=lambda b: b["error"])
        text += f". Relative to the deviation its error is {result['error']:.1%}, that of "
        text += f"the best baseline, {best['name']}, {best['error']:.1%}"
    if result["speed"]:
        speed = result["speed"]
        text += f". A prediction takes {1e3 * result['seconds_per_function']:.2g} ms, the solver "
        text += f"{1e3 * speed['solver_seconds']:.2g} ms where it is as accurate (resolution "
        text += f"{speed['solver_resolution']}, {speed['solver_error']:.1%}): {speed['ratio']:.2g} "
        text += "times as long"
    return f"{text}. Made by `{card['command']}` on {card['created'][:10]}."


def main() -> None:
    """Copy the picture and write the caption."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "prediction.png").exists():
        sys.exit(f"{__doc__}\nexpected: a run folder with prediction.png")
    run = Path(sys.argv[1])
    card = read_model(run)["card"]
    (DOCS / "images").mkdir(exist_ok=True)
    shutil.copyfile(run / "prediction.png", DOCS / "images" / "demo.png")
    picture = "![Input, target, prediction, error and band](../images/demo.png)"
    (DOCS / "tables" / "demo.md").write_text(f"{picture}\n\n{caption(card)}\n")
    print("written: docs/images/demo.png, docs/tables/demo.md")


if __name__ == "__main__":
    main()
