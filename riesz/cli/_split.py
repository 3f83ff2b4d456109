"""Which pairs train, validate, calibrate and test."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from riesz.cli import _recipe as recipe
from riesz.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from riesz.functions import PairsLike


@dataclass(frozen=True)
class Split:
    """Numbers of the pairs in each part.

    `calibration` and `test` are empty where these are on fresh samples.
    """

    training: np.ndarray
    validation: np.ndarray
    calibration: np.ndarray
    test: np.ndarray

    def counts(self) -> dict[str, int]:
        """How many pairs there are in each part."""
        return {name: len(part) for name, part in vars(self).items()}

    def card(self, seed: int) -> dict[str, Any]:
        """For the model card: with the seed, this says which pairs went where."""
        rule = "riesz.cli._split.make_split: a random permutation of all pairs by the seed, cut "
        rule += "into test, calibration, validation and training, each part sorted"
        held = {"calibration_pairs": self.calibration.tolist(), "test_pairs": self.test.tolist()}
        return {**self.counts(), "seed": seed, "rule": rule, **held}

    def take(self, pairs: "PairsLike") -> "tuple[PairsLike, PairsLike, PairsLike, PairsLike]":
        """The four parts."""
        from riesz.functions._pairs import subset

        a, b, c, d = (subset(pairs, part) for part in vars(self).values())
        return a, b, c, d


def make_split(count: int, level: float, fresh: bool, key: "PRNGKeyArray") -> Split:
    """Hold out 10% of the pairs (at least 20), half of it for the test, unless these are fresh."""
    import jax

    needed, held, some = 0, 0, recipe.HELD_OUT_LEAST
    if not fresh:
        needed = least_for_calibration(level)
        held = max(round(recipe.HELD_OUT * count), needed + some // 2, some)
    least = max(2 * held, recipe.LEAST_SAMPLES)
    if count < least:
        raise DataError(
            "there are too few pairs to train on some and to judge by others",
            where="riesz train",
            expected=f"at least {least} pairs"
            + ("" if fresh else f" for a band of level {level:g}"),
            found=f"{count} pairs",
            repair="give more pairs (--samples, where the problem has a solver), or ask for a "
            "lower --level",
        )
    test = min(held // 2, held - needed)
    validation = max(1, round(recipe.VALIDATION * (count - held)))
    order = np.asarray(jax.random.permutation(key, count))
    cuts = np.cumsum([test, held - test, validation])
    test_, calibration, validation_, training = (np.sort(x) for x in np.split(order, cuts))
    return Split(training, validation_, calibration, test_)


def least_for_calibration(level: float) -> int:
    """The fewest pairs from which `riesz.calibrate` makes a band of this level."""
    from riesz._calibrate._conformal import rank, scale_count

    count = 2
    while rank(count - scale_count(count), level) > count - scale_count(count):
        count += 1
    return count


def fresh_calibration(level: float) -> int:
    """How many fresh samples calibrate a band of this level."""
    return max(recipe.CALIBRATION_MEMBERS, least_for_calibration(level))
