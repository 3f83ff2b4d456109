"""Reading values: checked as a whole once, then some samples at a time."""

from dataclasses import replace
from operator import itemgetter

import jax
import numpy as np
from jaxtyping import Bool, Int

from riesz.data._layout import Samples, stacked
from riesz.data._scan import combine, scan, to_float32
from riesz.data._source import AbstractSource
from riesz.domains import Point
from riesz.errors import DataError
from riesz.functions import Function


def scanned(
    source: AbstractSource, sets: dict[str, Samples]
) -> tuple[str, dict[str, Samples], tuple[str, ...]]:
    """The fingerprint of sets of samples, and the sets with their missing values as masks."""
    digests: dict[str, str] = {}
    done: dict[str, Samples] = {}
    out, notes = {}, ()
    for role, samples in sets.items():
        if samples.name not in done:
            digests[samples.name], missing = scan(source, samples)
            done[samples.name], found = with_holes(samples, missing)
            notes += found
        out[role] = done[samples.name]
    return combine(digests[s.name] for s in sets.values()), out, notes


def with_holes(
    samples: Samples, missing: Bool[np.ndarray, "n ..."] | None
) -> tuple[Samples, tuple[str, ...]]:
    """The samples with their missing values as masks: one for all, or one for each sample."""
    if missing is None:
        return samples, ()
    if samples.space.domain == Point():
        first = int(np.flatnonzero(missing)[0])
        raise DataError(
            "numbers of some samples are missing",
            where=f"data set {samples.name!r}",
            expected=f"{samples.space.channels} numbers per sample",
            found=f"NaN in {int(missing.sum())} of {len(missing)} samples, such as no. {first}",
            repair="drop these samples, or fill in the numbers",
        )
    there = ~missing
    where, each = samples.discretization, samples.each
    known = None if each is None else each.mask
    if known is not None and bool((missing <= ~np.asarray(known)).all()):
        return replace(samples, holes=True), ()  # NaN only in places that are no places
    shared = each is None and bool((there == there[:1]).all())
    parts = []
    for i, present in enumerate(there[:1] if shared else there):
        own = where if each is None else jax.tree.map(itemgetter(i), each)
        parts.append(own.masked(present))
    each = None if shared else stacked(parts)
    kind = "the same in all samples" if shared else "others in each sample"
    note = f"NaN in {samples.name!r} are missing values, {kind}"
    if samples.space.channels > 1:
        note += "; a place where one channel is missing counts as missing for all"
    return replace(samples, discretization=parts[0], each=each, holes=True), (note,)


def read_functions(
    source: AbstractSource, samples: Samples, rows: Int[np.ndarray, " n"]
) -> Function:
    """A batch of the samples of these numbers, in this order, with missing values as 0."""
    if samples.members and samples.assembly is not None:
        # numbers of a trajectory are those of each of its times
        times = {m.name: samples.stored.steps // m.stored.steps for m in samples.members}
        parts = {m.name: read_functions(source, m, rows // times[m.name]) for m in samples.members}
        if samples.assembly.apart:
            return samples.assembly.join(parts)
        empty = samples.function(np.zeros((len(rows), *samples.shape), np.float32), rows)
        return samples.assembly.join(parts, empty.discretization)
    steps = samples.stored.steps
    wanted, place = np.unique(rows // steps, return_inverse=True)
    out = np.empty((len(wanted) * steps, *samples.shape), np.float32)
    chunk = source.info(samples.name).chunk
    # One read for the samples of each stored chunk, which is decoded as a whole anyway.
    cuts = np.flatnonzero(np.diff(wanted // chunk)) + 1
    parts = [part for part in np.split(wanted, cuts) if len(part)]
    spans = [(int(part[0]), int(part[-1]) + 1) for part in parts]
    done = 0
    for part, block in zip(parts, source.blocks(samples.name, spans), strict=True):
        values = samples.stored.arrange(to_float32(block[part - part[0]]), samples.shape)
        out[done : done + len(values)] = values
        done += len(values)
    if samples.holes:
        out[np.isnan(out).any(-1)] = 0
    place = place * steps + rows % steps
    values = out if np.array_equal(place, np.arange(len(out))) else out[place]
    return samples.function(values, rows)
