"""Measures the coverage of calibrated bands over random calibration splits.

    python benchmarks/coverage.py            # writes docs/tables/coverage.md

An FNO is trained on 200 pairs of the antiderivative problem. Of 2200 other pairs, 200 calibrate a
band and 2000 are unseen, in 20 random splits; the share of unseen functions that lie entirely in
the band is averaged over the splits.
"""

from pathlib import Path

import jax
import numpy as np
from commands import hardware, today

from riesz import RelativeLoss, calibrate, fit
from riesz.objectives import Supervised
from riesz.operators import FNO
from riesz.problems import Antiderivative

SPLITS, CALIBRATION, UNSEEN, TRAINING = 20, 200, 2000, 200


def main() -> None:
    """Train, calibrate 20 times, and write the table."""
    problem = Antiderivative()
    pairs = problem.sample(TRAINING + CALIBRATION + UNSEEN, 64, key=jax.random.key(0))
    training, rest = pairs[:TRAINING], pairs[TRAINING:]
    spaces = problem.input_space, problem.output_space
    operator = FNO(*spaces, modes=8, width=16, layers=3, key=jax.random.key(1))
    settings = {"steps": 400, "learning_rate": 3e-3, "weight_decay": 1e-4}
    loss = Supervised(RelativeLoss())
    fitted = fit(operator, training, loss, **settings, key=jax.random.key(2))
    rows = []
    for level in (0.8, 0.9, 0.95):
        shares = []
        for number in range(SPLITS):
            order = np.random.default_rng(number).permutation(len(rest))
            calibration, unseen = rest[order[:CALIBRATION]], rest[order[CALIBRATION:]]
            key = jax.random.key(number)
            band = calibrate(fitted.model, calibration, level=level, key=key)
            answer = band.apply(unseen.inputs)
            inside = jax.vmap(lambda b, u: b.contains(u))(answer, unseen.outputs)
            shares.append(float(np.mean(inside)))
        spread = np.std(shares, ddof=1)
        rows.append(f"| {level:.0%} | {np.mean(shares):.4f} | {spread:.4f} |")
        print(rows[-1], flush=True)
    text = "| nominal | mean coverage | deviation between splits |\n|---|---|---|\n" + "\n".join(
        rows
    )
    text += f"\n\n{SPLITS} random splits, {CALIBRATION} pairs to calibrate, {UNSEEN} unseen, "
    text += f"antiderivative on 65 points; validation error {fitted.validation_error:.4f}."
    text += f"\n\n{hardware()}, {today()}.\n"
    path = Path(__file__).resolve().parent.parent / "docs" / "tables" / "coverage.md"
    path.write_text(text)


if __name__ == "__main__":
    main()
