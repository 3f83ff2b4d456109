"""What can be known before a fit: whether data and operator fit together, and what is unusual."""

import os
from hashlib import sha256
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from riesz._core.blocks import length
from riesz._core.parameters import trainable
from riesz.errors import DataError, RieszError, RunError
from riesz.functions import Function, Pairs, PairsLike, take
from riesz.functions.internal import pieces
from riesz.operators import AbstractOperator, Affine
from riesz.operators.internal import batch_weights

_NAMED = 5  # samples that a note lists


class Survey(NamedTuple):
    """What one pass over data finds: their digest and, of pairs, which outputs are constant.

    `same`: whether outputs are sampled at the points of their inputs, in every pair.
    `flat`: (sample, channel) of outputs that are constant.
    """

    digest: str = ""
    same: bool = True
    flat: tuple[tuple[int, int], ...] = ()


def check_types(operator: Any) -> None:
    """Raise where something else is given for an operator."""
    if not isinstance(operator, AbstractOperator):
        kind = operator.__name__ if isinstance(operator, type) else type(operator).__name__
        raise RunError(
            "a supervised fit needs an operator",
            where="riesz.fit(operator, data)",
            expected="an operator, such as FNO(input_space, output_space, key=key)",
            found=f"the class {kind}" if isinstance(operator, type) else f"a {kind}",
            repair="build the operator with its spaces and a key first",
        )


def check_pairs(data: Any, where: str) -> None:
    """Raise where something else is given for pairs."""
    if isinstance(data, Pairs | str) or not isinstance(data, PairsLike) or _is_plain(data):
        if isinstance(data, Pairs):
            return
        shapes = [getattr(x, "shape", type(x).__name__) for x in data] if _is_plain(data) else []
        raise DataError(
            "data for learning are pairs of functions",
            where=where,
            expected="Pairs(inputs, outputs), or an open data file",
            found=f"a {type(data).__name__}" + (f" of {shapes}"[:80] if shapes else ""),
            repair="give the arrays their points: Pairs(batch(a, grid), batch(u, grid)) with "
            "riesz.functions.batch and a (n, *grid, channels); open a file by riesz.open_pairs",
        )


def _is_plain(data: Any) -> bool:
    return isinstance(data, list | tuple | dict | np.ndarray | jax.Array)


def survey(data: Any, name: str) -> Survey:
    """One pass over all samples, whose values at present points must be finite."""
    digest, same, flat, start = sha256(), True, [], 0
    for part in pieces(data):
        for side, leaf in _named(part):
            _require_finite(leaf, f"{name} sample", side, start)
        if isinstance(part, Pairs):
            same = same and part.same_points
            numbers = part.parts[1].numbers if part.parts else ()
            flat += [(start + i, c) for i, c in _constant(part.outputs) if c not in numbers]
        for leaf in jax.tree.leaves(part):
            digest.update(np.ascontiguousarray(leaf).tobytes())
        start += length(part)
    return Survey(digest.hexdigest(), same, tuple(flat))


def _named(part: Any) -> list[tuple[str, Any]]:
    """Functions, and arrays that belong to none, with their names."""
    if isinstance(part, Pairs):
        return [("input", part.inputs), ("output", part.outputs)]
    found, _ = jax.tree_util.tree_flatten_with_path(part, lambda x: isinstance(x, Function))
    return [(f"sample{jax.tree_util.keystr(path)}", leaf) for path, leaf in found]


def _require_finite(leaf: Any, what: str, side: str, start: int) -> None:
    """Raise for a value of a batch that is not finite; masked points of a function are ignored."""
    values = np.asarray(leaf.values if isinstance(leaf, Function) else leaf)
    bad = ~np.isfinite(values) if np.issubdtype(values.dtype, np.inexact) else np.zeros(1, bool)
    if isinstance(leaf, Function):
        bad &= _weights(leaf)[..., None] > 0
    if not bad.any():
        return
    place = np.argwhere(bad)[0]
    samples = int(bad.reshape(len(bad), -1).any(1).sum())
    at = f", index {tuple(place[1:].tolist())}"
    if isinstance(leaf, Function):
        at = f", channel {leaf.space.names[place[-1]]!r}, point {tuple(place[1:-1].tolist())}"
    raise RunError(
        "the training or validation data hold NaN or infinite values",
        where=f"riesz.fit: {what} {start + place[0]}",
        expected="finite values at every point that is not masked",
        found=f"{values[tuple(place)]} in the {side}{at}; {samples} such samples in this part",
        repair="leave these samples out, or mask the points: "
        "riesz.domains.MaskedGrid(grid, np.isfinite(values))",
    )


def _weights(f: Function) -> Float[np.ndarray, "*n"]:
    """Quadrature weights of a batch of functions, or of trajectories of functions."""
    extra = f.values.ndim - f.discretization.dimensions - 1
    if extra < 2:
        return batch_weights(f)
    # (n, T, ...) -> (n T, ...) -> (n, T, *shape)
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[extra:]), f)
    return batch_weights(flat).reshape(f.values.shape[:-1])


def _constant(f: Function) -> list[tuple[int, int]]:
    """(sample, channel) where the values at present points are all the same."""
    values, present = np.asarray(f.values), batch_weights(f)[..., None] > 0
    axes = tuple(range(1, values.ndim - 1))
    # over the present points, (n, c)
    low = values.min(axes, where=present, initial=np.inf)
    high = values.max(axes, where=present, initial=-np.inf)
    return [(int(i), int(c)) for i, c in np.argwhere(high <= low)]


def notes(after: Affine, found: Survey, names: tuple[str, ...]) -> tuple[str, ...]:
    """Sentences on channels and samples of the training outputs that are constant."""
    lines = []
    still = np.flatnonzero(np.asarray(after.deviation.value) == 0).tolist()
    for c in still:
        value = float(after.mean.value[c])
        lines.append(f"output channel {names[c]!r} is {value:g} in all training samples: kept so")
    for c, name in enumerate(names):
        samples = [i for i, channel in found.flat if channel == c and c not in still]
        if samples:
            listed = ", ".join(map(str, samples[:_NAMED])) + (", ..." * (len(samples) > _NAMED))
            lines.append(
                f"output channel {name!r} is constant in {len(samples)} training samples: {listed}"
            )
    return tuple(lines)


def check_operator(network: AbstractOperator, pairs: Pairs, same: bool) -> None:
    """Raise what can be known of spaces and discretizations from one pair."""
    a, u = take(pairs.inputs, 0), take(pairs.outputs, 0)
    if not network.output_space.accepts(u.space):
        raise RunError(
            "the outputs of the data are not in the operator's output space",
            where="riesz.fit(operator, data)",
            expected=f"{network.output_space.channels} channels on {network.output_space.domain}",
            found=f"{u.channels} channels on {u.domain}",
            repair="build the operator with data.input_space and data.output_space",
        )
    on = None if same else u.discretization
    try:
        answer = eqx.filter_eval_shape(lambda g, f, points: g(f, points), network, a, on)
    except RieszError:
        raise
    except Exception as error:
        raise RunError(
            "the operator cannot be applied to the data",
            where="riesz.fit(operator, data): the first sample",
            expected=f"{u.channels} channels at {u.discretization.shape} points",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            repair="try operator(a, on=u.discretization) on one sample of the data",
        ) from error
    if answer.values.shape != u.values.shape:
        raise RunError(
            "the operator's answer has another shape than the outputs",
            where="riesz.fit(operator, data): the first sample",
            expected=f"shape {u.values.shape}",
            found=f"shape {answer.values.shape}",
            repair="an operator returns values at the points of `on`",
        )


def check_memory(network: Any, sample: Any, batch: int) -> None:
    """Raise where weights, gradient, two moments, the best weights and a batch exceed memory."""
    # bytes: all weights; gradient, two moments and best weights of the trained ones; a batch
    weights = sum(x.size * x.itemsize for x in jax.tree.leaves(eqx.filter(network, eqx.is_array)))
    trained = eqx.filter(network, trainable(network))
    moved = 4 * sum(x.size * x.itemsize for x in jax.tree.leaves(trained))
    data = batch * sum(x.nbytes for x in jax.tree.leaves(sample))
    free = _free_memory()
    if free is not None and weights + moved + data > free:
        raise RunError(
            "the model does not fit into the memory of this machine",
            where="riesz.fit(model, data)",
            expected=f"at most {free / 2**30:.1f} GiB",
            found=f"{(weights + moved + data) / 2**30:.1f} GiB for weights, gradient, moments "
            "and one batch",
            repair="a smaller width, fewer modes or layers, or a smaller batch_size",
        )


def _free_memory() -> float | None:
    """Bytes of the memory of this machine; None on an accelerator or where it is not known."""
    if jax.default_backend() != "cpu":
        return None
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None
