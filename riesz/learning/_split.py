"""Which pairs train, validate, calibrate and test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from riesz.errors import DataError
from riesz.evaluation.internal import rank, scale_count
from riesz.functions import PairsLike
from riesz.functions.internal import pieces, subset

# Of all pairs: held out for test and calibration together, and of the rest for validation.
HELD_OUT, VALIDATION = 0.2, 0.1
LEAST_SAMPLES = 8
BLOCKS = 5  # of time, in which a training set is cut for errors of samples left out
_MOST_GAP = 0.1  # of all samples, for one gap
_COMPARED = 400  # samples from which dependence is measured
_DEPENDENT = 0.8  # distance relative to that of unrelated samples, below which they depend


@dataclass(frozen=True)
class Split:
    """Numbers of the pairs in each part, ascending (by time where the split is by time).

    `by`: how they were chosen; `gap`: samples left out between the parts of a split by time;
    `groups`: a label for each training pair, pairs of one label being dependent, or None;
    `level`: of the band that the calibration part allows, at most the one that was asked for;
    `notes`: what should be said of the split.
    """

    training: Int[np.ndarray, " _"]
    validation: Int[np.ndarray, " _"]
    calibration: Int[np.ndarray, " _"]
    test: Int[np.ndarray, " _"]
    by: str = "random"
    gap: int = 0
    groups: Int[np.ndarray, " _"] | None = None
    level: float = 0.9
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many pairs there are in each part."""
        return {name: len(part) for name, part in self._parts().items()}

    def take(self, pairs: PairsLike) -> tuple[PairsLike, PairsLike, PairsLike, PairsLike]:
        """The four parts: training, validation, calibration and test."""
        a, b, c, d = (subset(pairs, part) for part in self._parts().values())
        return a, b, c, d

    def to_json(self) -> dict[str, Any]:
        """How the pairs were split, for a model card; the rule gives the training part again."""
        held = {f"{n}_pairs": part.tolist() for n, part in self._parts().items() if n != "training"}
        rest = {"by": self.by, "gap": self.gap, "level": self.level, "notes": list(self.notes)}
        return {**self.counts(), **rest, **held}

    def _parts(self) -> dict[str, np.ndarray]:
        names = ("training", "validation", "calibration", "test")
        return {name: getattr(self, name) for name in names}


def split(
    data: PairsLike | int,
    *,
    key: PRNGKeyArray,
    by: str | None = None,
    times: Sequence[float] | Float[np.ndarray, " n"] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    gap: int | None = None,
    level: float = 0.9,
    held_out: float = HELD_OUT,
) -> Split:
    """Split pairs into parts for training, validation, calibration and test, as they will be used.

    - `"random"`: a random permutation. Right where future inputs come from the same distribution,
      one independent of the other.
    - `"time"`: the first samples train, later ones validate and calibrate, the last ones test,
      with a gap before each part. Right for forecasts: a random split tests on samples whose
      neighbours in time were trained on, and its errors are too small.
    - `"group"`: whole groups (trajectories, geometries, patients) go to one part.

    A fifth of the pairs is for calibration and test, more of it for calibration where the level
    needs it, and a tenth of the rest for validation.

    **Arguments:**

    - `data`: n pairs; for `"time"` without `gap`, up to 400 of them are read. Else n is enough.
    - `by`: `"time"` where `times` are given, `"group"` where `groups` are, else `"random"`.
    - `times`: one number per pair, or None where the pairs are in order. `groups`: one label per
      pair.
    - `gap`: samples left out between parts; by default as many as depend on each other, at least
      one. A sample depends on one before it where their inputs are closer than those of
      unrelated samples.
    - `level`: of the band to be calibrated, which needs more samples the nearer it is to 1.
    - `held_out`: for calibration and test together; 0 leaves them empty, where both are done on
      fresh samples.
    - `key`: for the permutation of pairs or groups.

    **Raises:** `DataError` for too few pairs or groups.

    ```python
    parts = riesz.split(file, by="time", times=file.times, key=jax.random.key(0))
    training, validation, calibration, test = parts.take(file)
    ```
    """
    n = data if isinstance(data, int) else len(data)
    by = by or ("group" if groups is not None else "time" if times is not None else "random")
    _check(n, by, times, groups, gap, level)
    if by == "group":
        return _by_group(np.asarray(groups), level, held_out, key)
    needed = least_for_calibration(level)
    if by == "random":
        order = np.asarray(jax.random.permutation(key, n))
        # a permutation cut into test, calibration, validation and training, in this order
        test, calibration, validation = _sizes(n, needed, held_out)
        cuts = np.cumsum([test, calibration, validation])
        parts = [np.sort(x) for x in np.split(order, cuts)]
        reached, notes = _reached(len(parts[1]), level)
        return Split(parts[3], parts[2], parts[1], parts[0], "random", 0, None, reached, notes)
    order = np.arange(n) if times is None else np.argsort(np.asarray(times), kind="stable")
    if gap is None:
        wide = 1 if isinstance(data, int) else dependence(data, order)
        gap = min(wide, int(_MOST_GAP * n))
    else:
        wide = gap
    # in order: training, gap, validation, gap, calibration, gap, test; each gap before a part
    gaps = [gap, gap, gap] if held_out else [gap, 0, 0]
    test, calibration, validation = _sizes(n - sum(gaps), needed, held_out)
    training = n - sum(gaps) - test - calibration - validation
    cuts = np.cumsum([training, gaps[0] + validation, gaps[1] + calibration])
    # the gaps begin the later parts, and are cut off there
    first, *later = np.split(order, cuts)
    parts = [first, *(part[k:] for part, k in zip(later, gaps, strict=True))]
    reached, notes = _reached(len(parts[2]), level)
    if wide > gap:
        notes += (f"samples depend on each other over {wide} steps; the gaps have {gap}",)
    # block floor(5 i / n) of training sample i
    blocks = np.arange(len(first)) * BLOCKS // len(first)
    return Split(parts[0], parts[1], parts[2], parts[3], "time", gap, blocks, reached, notes)


def _sizes(n: int, needed: int, held_out: float) -> tuple[int, int, int]:
    """How many test, calibrate and validate, of n."""
    calibration = test = 0
    if held_out:
        held = max(round(held_out * n), 2)
        # half of what is held out each; calibration more where the level needs it, to a third of n
        calibration, test = max(1, held // 2, min(needed, n // 3)), max(1, held - held // 2)
    validation = max(1, round(VALIDATION * (n - calibration - test)))
    if n - calibration - test - validation < 2:
        raise DataError(
            "there are too few pairs to train on some and to judge by others",
            where="riesz.split(data)",
            expected=f"at least {LEAST_SAMPLES} pairs besides the gaps",
            found=f"{n} pairs",
            repair="give more pairs, or a smaller gap",
        )
    return test, calibration, validation


def _reached(count: int, level: float) -> tuple[float, tuple[str, ...]]:
    """The level that so many calibration scores allow, and what to say of it."""
    if not count or count >= least_for_calibration(level):
        return level, ()
    scores = count - scale_count(count)
    # the maximum of n scores covers with probability n / (n + 1)
    reached = scores / (scores + 1)
    return reached, (
        f"{count} calibration samples give {scores} scores: a band of level {level:g} needs "
        f"{least_for_calibration(level)}; theirs is their maximum, of level {reached:.2f}",
    )


def _by_group(labels: np.ndarray, level: float, held_out: float, key: PRNGKeyArray) -> Split:
    """Whole groups: each part takes groups until it has its share of the pairs."""
    names, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 4:
        raise DataError(
            "there are too few groups for four parts",
            where="riesz.split(data, by='group')",
            expected="at least 4 groups",
            found=f"{len(names)}: {', '.join(map(str, names[:4]))}",
            repair="split by time or at random, or give finer groups",
        )
    n = len(labels)
    wanted = _sizes(n, least_for_calibration(level), held_out)
    order, parts, start = np.asarray(jax.random.permutation(key, len(names))), [], 0
    for number, share in enumerate(wanted):
        left = len(wanted) - number  # parts that need a group after this one, training included
        stop, count = start, 0
        # takes a group while its middle lies within the share
        while stop < len(names) - left and (count == 0 or count + sizes[order[stop]] / 2 <= share):
            count += sizes[order[stop]]
            stop += 1
        parts.append(np.flatnonzero(np.isin(place, order[start:stop])))
        start = stop
    training = np.flatnonzero(np.isin(place, order[start:]))
    test, calibration, validation = parts
    reached, notes = _reached(len(calibration), level)
    counts = [len(np.unique(place[part])) for part in (training, validation, calibration, test)]
    notes += ("groups in training, validation, calibration, test: " + ", ".join(map(str, counts)),)
    return Split(
        training, validation, calibration, test, "group", 0, place[training], reached, notes
    )


def dependence(data: PairsLike, order: Int[np.ndarray, " n"]) -> int:
    """Over how many steps samples depend on each other, at least 1.

    The first lag at which the mean distance of inputs is 0.8 of that of samples half the data
    apart and more, which is that of unrelated ones; found among up to 400 consecutive samples.
    """
    chosen = order[-_COMPARED:]
    ascending = np.argsort(chosen)
    rows = [np.asarray(part.inputs.values) for part in pieces(subset(data, chosen[ascending]))]
    # (n, p), in order of time, over the largest value
    values = np.concatenate([row.reshape(len(row), -1) for row in rows])[np.argsort(ascending)]
    values = values.astype(float)
    values /= max(float(np.abs(values).max()), np.finfo(float).tiny)
    n = len(values)

    def distance(lag: int) -> float:
        # root mean square of u_{i+lag} - u_i over i and points
        return float(np.sqrt(np.mean((values[lag:] - values[:-lag]) ** 2)))

    far = max(n // 2, 1)
    # mean of distance(lag) over lag from n / 2 to 7 n / 8
    apart = float(np.mean([distance(lag) for lag in range(far, n - max(n // 8, 1) + 1)] or [0.0]))
    lags = range(1, far)
    return next((lag for lag in lags if distance(lag) >= _DEPENDENT * apart), max(far, 1))


def least_for_calibration(level: float) -> int:
    """The fewest pairs from which `riesz.calibrate` makes a band of this level."""
    count = 2
    # the least count with ceil((n + 1) level) <= n, n = count - scale_count(count)
    while rank(count - scale_count(count), level) > count - scale_count(count):
        count += 1
    return count


def _check(n: int, by: str, times: Any, groups: Any, gap: int | None, level: float) -> None:
    def wrong(message: str, expected: str, found: str, repair: str) -> DataError:
        where = "riesz.split(data, ...)"
        return DataError(message, where=where, expected=expected, found=found, repair=repair)

    if by not in ("random", "time", "group"):
        raise wrong("unknown split", "random, time or group", repr(by), "leave `by` out")
    for name, given in (("times", times), ("groups", groups)):
        if given is not None and np.shape(given) != (n,):
            raise wrong(
                f"{name} are one per pair",
                f"{n} {name}",
                f"shape {np.shape(given)}",
                f"give {name} as a list of {n}",
            )
    if by == "group" and groups is None:
        raise wrong(
            "a split by group needs the groups", "groups=[...]", "none", "give one label per pair"
        )
    if times is not None and not np.isfinite(np.asarray(times, float)).all():
        raise wrong("times must be finite", "numbers", "NaN or infinity", "leave these pairs out")
    if n < LEAST_SAMPLES or not 0 < level < 1 or (gap is not None and gap < 0):
        raise wrong(
            "there are too few pairs to train on some and to judge by others"
            if n < LEAST_SAMPLES
            else "a split needs a level between 0 and 1, and a gap that is not negative",
            f"at least {LEAST_SAMPLES} pairs, 0 < level < 1, gap >= 0",
            f"{n} pairs, level={level}, gap={gap}",
            "give more pairs" if n < LEAST_SAMPLES else "leave level and gap out",
        )
