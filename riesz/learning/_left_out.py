"""Training pairs by which a network learns the errors of a base on samples left out of it."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from riesz.functions import Function, Pairs, PairsLike
from riesz.functions.internal import pieces, subset
from riesz.operators import Affine


@dataclass(frozen=True)
class LeftOut:
    """Pairs (a_i, u_i + B(a_i) - B_i(a_i)), B_i being the base without the group of sample i.

    A network N on top of B has the error v_i - B(a_i) - N(a_i) for a target v_i. That of these
    pairs is u_i - B_i(a_i) - N(a_i): N is fitted to what the base leaves of samples that it was
    not fitted to, where what it leaves of its own may be nothing at all.

    `influence`: B(a_i) - B_i(a_i) at the outputs' points, of the samples B was fitted to.
    `row`: which row belongs to each pair, -1 for pairs that B was not fitted to.
    """

    pairs: PairsLike
    influence: Float[np.ndarray, "m *shape c"]
    row: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, index: Any) -> Pairs:
        part, rows = self.pairs[index], np.atleast_1d(self.row[index])
        # v_i = u_i + B(a_i) - B_i(a_i), (b, *shape, c)
        there = (rows >= 0).reshape(-1, *(1,) * (self.influence.ndim - 1))
        values = part.outputs.values + np.where(there, self.influence[rows], 0)
        return eqx.tree_at(lambda p: p.outputs.values, part, values)


def left_out(
    pairs: PairsLike, samples_fitted: Int[np.ndarray, " m"], influence: Function, after: Affine
) -> LeftOut:
    """The pairs for a base fitted to some samples; its influence is between normalised channels."""
    row = np.full(len(pairs), -1)
    row[samples_fitted] = np.arange(len(samples_fitted))
    found, start = [], 0
    for part in pieces(subset(pairs, samples_fitted)):
        u = part.outputs
        values = np.asarray(_at_points(influence, slice(start, start + len(part)), u))
        # from units of the deviation s to those of the data; the means cancel
        found.append((values * np.asarray(after.deviation.value)).astype(u.values.dtype))
        start += len(part)
    return LeftOut(pairs, np.concatenate(found), row)


def _at_points(influence: Function, rows: slice, u: Function) -> Any:
    """Rows of the influence at the points of u, which are mostly its own."""
    some: Function = jax.tree.map(lambda leaf: leaf[rows], influence)
    here, there = some.discretization, u.discretization
    if here.tensor is not None and here.tensor == there.tensor:  # whatever is masked
        return some.values
    if jax.tree.structure(here) == jax.tree.structure(there):
        leaves = zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True)
        if all(np.array_equal(x, y) for x, y in leaves):
            return some.values
    return jax.jit(jax.vmap(lambda f, on: f.resample(on).values))(some, there)
