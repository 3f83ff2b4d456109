"""Which baseline a network is trained on top of, and whether it improves on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from riesz._core.progress import say
from riesz.domains.internal import fixed
from riesz.functions import Pairs, PairsLike
from riesz.functions.internal import chunks, fixed_pairs, pieces, subset
from riesz.learning._budget import Budget
from riesz.learning._check import notes, survey
from riesz.learning._fit import fit
from riesz.learning._fitted import Fitted, Status
from riesz.learning._left_out import left_out
from riesz.learning._losses import headline, surely_less
from riesz.operators import AbstractOperator, Affine, Corrected, Normalised
from riesz.operators.internal import Baseline, fit_baselines, samples_fitted

_CUTS = (0.5, 0.65, 0.8)  # of an ordered training set: fitted before, judged between cuts
# Answers that stay sensible when the level of a field drifts, in the order of preference.
_ROBUST = ("pointwise linear + ridge", "pointwise linear", "persistence")
_PILOT = 0.2  # of the steps or of the time
_EXACT = 1e-3  # an error of the base below which no network on its own is tried
_FEW_STEPS = 50  # of a pilot, which says little of the network with fewer
_FEWEST = 12  # samples that are cut so
_CHUNK = 64
_LEAST_SIZE = 1e-6  # of what a network adds, relative to the deviation
# A base that leaves more than this part of the deviation is far from the operator: with as many
# samples as `_MANY` a network on its own learns it better.
_POOR, _MANY = 0.15, 250


class Base(NamedTuple):
    """A baseline, its name and errors of samples that it was not fitted to.

    `plain`: whether the network should be trained on its own; `samples_fitted`: the numbers of the
    training samples that the baseline was fitted to.
    """

    name: str
    baseline: Baseline
    error: float
    plain: bool
    samples_fitted: Int[np.ndarray, " m"]


def choose_base(
    training: PairsLike,
    validation: PairsLike,
    after: Affine,
    *,
    key: PRNGKeyArray,
    groups: Int[np.ndarray, " n"] | None,
    ordered: bool,
) -> Base:
    """The baseline with the lowest error on samples that it was not fitted to.

    These are the validation samples and, of the training samples, those left out by groups; or,
    where they are ordered in time, those that follow the ones it was fitted to.
    """
    found = fit_baselines(training, key=key, groups=groups)
    inside = {name: baseline.error for name, baseline in found.items()}
    if ordered and len(training) >= _FEWEST:
        # fitted to the first half, 0.65, 0.8 of the samples, judged by those up to the next cut
        inside = _later_errors(training, after, key, groups)
    errors = {
        name: np.append(inside[name], errors_of(baseline.operator, validation, after))
        for name, baseline in found.items()
        if name in inside
    }
    # left out of the training samples, and validation samples: (m + n_validation,)
    best = min(errors, key=lambda name: float(errors[name].mean()))
    if ordered:  # the future may differ from the past: rather shrink to the input than to a mean
        robust = (name for name in _ROBUST if name in errors)
        best = next((n for n in robust if not surely_less(errors[best], errors[n])), best)
    error = float(errors[best].mean())
    # neighbours of a training input include itself, so that they leave nothing to learn
    plain = best == "nearest neighbours" or (error > _POOR and len(training) >= _MANY)
    return Base(best, found[best], error, plain, samples_fitted(training, key))


def _later_errors(
    training: PairsLike,
    after: Affine,
    key: PRNGKeyArray,
    groups: Int[np.ndarray, " n"] | None,
) -> Mapping[str, Float[np.ndarray, " m"]]:
    """Errors of samples after those that the baselines were fitted to, at a few cuts."""
    n, errors = len(training), {}
    # fitted to [0, start), judged on [start, stop)
    ends = [*(round(cut * n) for cut in _CUTS), n]
    for start, stop in zip(ends[:-1], ends[1:], strict=True):
        past, later = subset(training, np.arange(start)), subset(training, np.arange(start, stop))
        labels = None if groups is None else groups[:start]
        for name, baseline in fit_baselines(past, key=key, groups=labels).items():
            errors.setdefault(name, []).append(errors_of(baseline.operator, later, after))
    return {name: np.concatenate(e) for name, e in errors.items() if len(e) == len(_CUTS)}


def errors_of(
    operator: AbstractOperator, pairs: PairsLike, after: Affine
) -> Float[np.ndarray, " n"]:
    """The headline error of each sample."""
    parts = [
        np.asarray(_errors(fixed(operator), part, after, part.same_points))[:count]
        for part, count in chunks(fixed_pairs(pairs), _CHUNK)
    ]
    return np.concatenate(parts).astype(float)


@eqx.filter_jit
def _errors(operator: AbstractOperator, pairs: Pairs, after: Affine, same: bool) -> Array:
    def one(a, u):
        return headline(operator(a, None if same else u.discretization), u, after)

    return jax.vmap(one)(pairs.inputs, pairs.outputs)


def fit_over(
    found: Base,
    network: AbstractOperator,
    training: PairsLike,
    validation: PairsLike,
    scales: tuple[Affine, Affine],
    base: bool | None,
    settings: dict[str, Any],
    budget: Budget,
) -> Fitted:
    """Fit the network over the base, or on its own, and keep the base where that is not better.

    Where a network surely beats the base on its own in a fifth of the steps, it needs no base,
    which would only hold it up. Over the base it is fitted to what the base leaves of samples
    that are left out; with symmetries to what it leaves of samples that are moved, which it was
    not fitted to either.
    """
    after = scales[1]
    remarks = notes(after, survey(training, "training"), training[:1].output_space.names)
    start, targets, plain = network, training, found.plain if base is None else not base
    if base is None and not plain and found.error > _EXACT:
        start = Corrected.beside(found.baseline.core, network)
        pilot = _pilot(Normalised.between(start, *scales), training, validation, settings, budget)
        if pilot.status is Status.interrupted:
            return _alone(pilot, scales)
        tried = errors_of(pilot.model, validation, after)
        own = errors_of(found.baseline.operator, validation, after)
        plain = surely_less(tried, own)
        if not plain and settings.get("progress", True) and pilot.steps < _FEW_STEPS:
            say(f"{pilot.steps} steps are too few to compare: it is trained on top of the baseline")
    if not plain:
        start = on_top(found, network)
        influence = found.baseline.influence
        if influence is not None and not settings["objective"].symmetries:
            targets = left_out(training, found.samples_fitted, influence, after)
    operator = Normalised.between(start, *scales)
    settings = {**settings, "time_budget": budget.left()}
    fitted = fit(operator, targets, validation=validation, **settings)
    budget.lap("for the fit", fitted.seconds)
    fitted, said = _keep(fitted, found, validation, scales, plain)
    return replace_notes(fitted, (*remarks, *said, *budget.notes()))


def _keep(
    fitted: Fitted,
    found: Base,
    validation: PairsLike,
    scales: tuple[Affine, Affine],
    plain: bool,
) -> tuple[Fitted, tuple[str, ...]]:
    """The network, or the base where it is not better, and what to say of it."""
    own = errors_of(found.baseline.operator, validation, scales[1]).mean()
    better = bool(fitted.history) and fitted.validation_error <= own if plain else fitted.kept > 0
    if not better:
        baseline = Normalised.between(found.baseline.core, *scales)
        note = f"the baseline {found.name!r} is kept: on {len(validation)} validation samples the "
        note += "network is not surely better"
        return eqx.tree_at(lambda f: f.model, fitted, baseline), (note,)
    if not plain:
        return fitted, (f"the network is trained on top of the baseline {found.name!r}",)
    return _alone(fitted, scales), ()


def _alone(fitted: Fitted, scales: tuple[Affine, Affine]) -> Fitted:
    """The network that was trained beside a base, without the base, of which nothing is left."""
    trained: Any = fitted.model
    if not isinstance(trained.inner, Corrected):
        return fitted
    alone = Normalised.between(trained.inner.inner, *scales)
    return eqx.tree_at(lambda f: f.model, fitted, alone)


def _pilot(
    operator: AbstractOperator,
    training: PairsLike,
    validation: PairsLike,
    settings: dict[str, Any],
    budget: Budget,
) -> Fitted:
    """A short fit of the network on its own.

    A time budget is shared without the time to compile, for which there is one step before.
    """
    steps, folder = settings["steps"], settings.get("folder")
    if settings.get("progress", True):
        say(f"first {_PILOT:.0%} of the fit: the network on its own, to compare with the baseline")
    if budget.seconds is not None:
        once = {"steps": 1, "time_budget": None, "folder": None, "progress": False}
        compiled = fit(operator, training, validation=validation, **{**settings, **once})
        budget.lap("to compile")
        if compiled.status is Status.interrupted:
            return compiled
    left = budget.left()
    short = {
        "steps": None if steps is None else max(1, round(_PILOT * steps)),
        "time_budget": None if left is None else _PILOT * left,
        "folder": None if folder is None else Path(folder) / "pilot",
    }
    pilot = fit(operator, training, validation=validation, **{**settings, **short})
    budget.lap("for the network on its own", pilot.seconds)
    return pilot


def replace_notes(fitted: Fitted, notes: tuple[str, ...]) -> Fitted:
    """The same result with other notes."""
    return Fitted(**{**vars(fitted), "notes": notes})


def on_top(base: Base, network: AbstractOperator) -> AbstractOperator:
    """The operator that starts as the base, between normalised channels as the base is."""
    channels = network.output_space.channels
    # G = base + size inner, size in deviations
    size = jnp.full(channels, max(base.error, _LEAST_SIZE))
    return Corrected.starting_at(base.baseline.core, network, size)


def statistics(pairs: PairsLike) -> tuple[Affine, Affine]:
    """Means and deviations of inputs and outputs."""
    return (
        Affine.of(part.inputs for part in pieces(pairs)),
        Affine.of(part.outputs for part in pieces(pairs)),
    )
