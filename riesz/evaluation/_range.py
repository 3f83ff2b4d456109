"""Whether inputs are like those that a band was calibrated on."""

import warnings
from typing import Any

import numpy as np

from riesz.errors import InputRangeWarning
from riesz.evaluation._banded import Banded
from riesz.evaluation._inputs import NOTHING, STATISTICS, InputStatistics
from riesz.functions import Function, PairsLike
from riesz.functions.internal import pieces

FAR = 2.0  # times the largest statistic of the calibration
RATE = 0.01  # of each check on a batch, divided among the statistics
_LEAST = 5  # functions on both sides of a comparison of means

_WORDS = (
    "at one point it deviates from the mean there by {:.3g} standard deviations, there by at most "
    "{:.3g}",
    "the mean of a channel deviates by {:.3g} standard deviations, there by at most {:.3g}",
    "its principal components deviate by {:.3g} standard deviations (root mean square), there by "
    "at most {:.3g}",
    "what the principal components do not hold of it has size {:.3g} (standard deviations), there "
    "at most {:.3g}",
    "at {:.4g} node(s) it has a hole where none of these has one, or a value where all have one "
    "(one of these, beside the others, at {:.4g} at most)",
    "it has {:.4g} hole(s) where not all of these have one, there at most {:.4g}",
    "its holes reach {:.3g} nodes from the nearest value, there at most {:.3g}",
)
_MASK = STATISTICS.index("mask")  # this and those after it are about holes


def input_range(inputs: Function | PairsLike) -> list[dict[str, Any]]:
    """The smallest and largest value of each channel, for the card of a model.

    Of one function, a batch, or the inputs of pairs in memory or in an open data file, at present
    points: `[{"name": "u", "min": 0.0, "max": 1.0}, ...]`.
    """
    parts = [inputs] if isinstance(inputs, Function) else [p.inputs for p in pieces(inputs)]
    ends = [np.concatenate([_ends(f) for f in part.components], -1) for part in parts]
    low, high = np.min([e[0] for e in ends], 0), np.max([e[1] for e in ends], 0)
    rows = zip(parts[0].space.names, low, high, strict=True)
    return [{"name": n, "min": float(a), "max": float(b)} for n, a, b in rows]


def _ends(f: Function) -> np.ndarray:
    """The smallest and the largest value of each channel, (2, c)."""
    weights = np.broadcast_to(np.asarray(f.discretization.weights), f.values.shape[:-1])
    values = np.asarray(f.values)[weights > 0]
    return np.stack([values.min(0), values.max(0)])


def check_range(source: Any, functions: Function) -> list[InputRangeWarning]:
    """Warn where inputs are not like those of the calibration.

    Each input has seven statistics (`InputStatistics`): its largest deviation at a point, that of
    its channel means, its principal components, and what these do not hold; the
    number of its holes, and values, where no input of the calibration had one, of all holes that
    not every one had, and the depth of these. It warns

    - of an input with a statistic above twice the largest of the calibration's n inputs
      (2 sqrt(N / n) times, in a batch of N > n);
    - of a batch where more inputs exceed that largest value than chance allows: for exchangeable
      inputs k or more of N do so with probability prod_{i<k} (N - i) / (n + N - i);
    - of a batch whose channel means are shifted (Mann-Whitney test).

    The two checks of a batch together warn for at most 1 % of batches that are exchangeable with
    the calibration, whatever its size; the first adds cases where tails are heavy (up to 5 % of
    batches of 50 in our tests, and less than 1 % of single inputs). A shift that one input alone
    does not show is not seen where one input is given.

    **Arguments:**

    - `source`: a calibrated operator, or `InputStatistics`. A plain operator does not know its
      inputs: then nothing is checked.
    - `functions`: one input or a batch.

    **Returns** the warnings that were also issued by `warnings.warn`.
    """
    check = RangeCheck(source)
    check.add(functions)
    found = check.warnings()
    for warning in found:
        warnings.warn(warning, stacklevel=2)
    return found


class RangeCheck:
    """`check_range` over several batches of inputs, judged together."""

    def __init__(self, source: Any) -> None:
        known = source.inputs if isinstance(source, Banded) else source
        self.known = known if isinstance(known, InputStatistics) else None
        self.space = None
        self._statistics: list[np.ndarray] = []
        self._means: list[np.ndarray] = []
        self._boxes: list[np.ndarray] = []

    def add(self, functions: Function, count: int | None = None) -> None:
        """Take the first `count` functions of a batch, or one function."""
        if self.known is None or functions.space.channels != self.known.channels:
            return
        self.space = functions.space
        statistics, means, boxes = self.known.statistics(functions)
        self._statistics.append(statistics[:count])
        self._means.append(means[:count])
        self._boxes.append(boxes[:count])

    def warnings(self) -> list[InputRangeWarning]:
        """What is to be said, without issuing it."""
        if self.known is None or self.space is None:
            return []
        found, means = np.concatenate(self._statistics), np.concatenate(self._means)
        reference = np.asarray(self.known.reference.value, np.float64)
        texts = [*self._outside(found, reference), *self._shifted(means)]
        return [
            InputRangeWarning(f"{text}. Errors and bands are not to be trusted there")
            for text in texts
        ]

    def _outside(self, found: np.ndarray, reference: np.ndarray) -> list[str]:
        bad = ~np.isfinite(found).all(1)
        if bad.any():
            return [f"input {int(np.argmax(bad))} holds values that are not finite"]
        top = np.maximum(reference.max(0), NOTHING)
        # statistic / largest of the calibration, (N, 7)
        ratio, n, many = found / top, len(reference), len(found)
        number, which = np.unravel_index(int(ratio.argmax()), ratio.shape)
        # 2, or 2 sqrt(N / n) for N > n inputs
        far = FAR * max(1.0, (many / n) ** 0.5)
        # k of N inputs lie beyond all n of the calibration; the smallest of seven p, times seven
        beyond = (ratio > 1).sum(0)
        chance = [_exceeding(int(k), many, n) for k in beyond]
        if ratio.max() <= far and min(chance) * len(chance) > RATE / 2:
            return []
        if ratio.max() <= far:
            which = int(np.argmin(chance))
            number = int(ratio[:, which].argmax())
        label = "the input" if many == 1 else f"input {number} of {many}"
        text = f"{label} is unlike the {n} inputs of the calibration: "
        text += _WORDS[which].format(found[number, which], reference[:, which].max())
        if which >= _MASK:
            text += self._place(np.concatenate(self._boxes)[number, int(which > _MASK)])
        others = int(beyond[which]) - 1
        return [text + (f"; {others} more exceed that, too" if others > 0 else "")]

    def _place(self, box: np.ndarray) -> str:
        """Such as `, between (0.25, 0) and (0.5, 1); counted on 32 x 32 nodes`."""
        assert self.known is not None
        first, last = (f"({', '.join(f'{x:.6g}' for x in corner)})" for corner in box)
        shape = " x ".join(map(str, self.known.grid.shape))
        return f", between {first} and {last}; counted on {shape} nodes"

    def _shifted(self, means: np.ndarray) -> list[str]:
        from scipy.stats import mannwhitneyu

        assert self.known is not None and self.space is not None
        known, texts = np.asarray(self.known.means.value, np.float64), []
        if min(len(means), len(known)) < _LEAST:
            return []
        # typical deviation of a channel at a point, (c,)
        size = np.asarray(self.known.deviation.value, np.float64)
        size = size.reshape(-1, size.shape[-1]).mean(0)
        rows = zip(self.space.names, means.T, known.T, size, strict=True)
        for name, here, there, deviation in rows:
            p = float(mannwhitneyu(here, there).pvalue)
            moved = abs(here.mean() - there.mean()) > NOTHING * deviation
            if moved and p * len(means.T) <= RATE / 2:
                texts.append(
                    f"the {len(here)} inputs are shifted: the channel {name!r} has the mean "
                    f"{here.mean():.6g}, and {there.mean():.6g} in the calibration (Mann-Whitney "
                    f"test, p = {p:.1g})"
                )
        return texts


def _exceeding(k: int, many: int, n: int) -> float:
    """P(at least k of `many` exceed all of n), all exchangeable."""
    return float(np.prod([(many - i) / (n + many - i) for i in range(k)]))
