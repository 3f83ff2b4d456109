"""Baselines of a data set: fitted on the host in float64, with errors of samples left out."""

from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization, DisjointUnion, Space
from riesz.functions import Function, PairsLike, batch
from riesz.functions.internal import pieces, subset
from riesz.operators._anchor import common_points, on_points
from riesz.operators._baselines import (
    NearestNeighbours,
    PCARidge,
    Persistence,
    PointwiseLinear,
    TrainingMean,
)
from riesz.operators._corrected import Corrected
from riesz.operators._operator import AbstractOperator
from riesz.operators._ridge import Basis, leading, nearest, ridge
from riesz.operators._statistics import Affine, shares
from riesz.operators._wrappers import Normalised

# Bounds of memory and time; beyond them a random part of the samples is used.
_VALUES = 2**25  # of all samples, in float64 256 MiB
_SAMPLES = 4096

NAMES = ("training mean", "persistence", "pointwise linear", "PCA + ridge", "nearest neighbours")


class Baseline(NamedTuple):
    """A baseline in the units of the data, the same between normalised channels, and its error.

    `error`: of each training sample when its group is left out, the mean over channels of
    rms(G(a) - u) / s_c.
    `influence`: G(a_i) - G_i(a_i) between normalised channels, a batch, G_i being the baseline
    without the group of sample i; None where it is negligible, for maps of a few numbers.
    """

    operator: AbstractOperator
    core: AbstractOperator
    error: Float[np.ndarray, " n"]
    influence: Function | None = None


class Table(NamedTuple):
    """Normalised functions on common points: rows `(n, points * channels)`.

    `root`: square root of the weight of each entry over the volume and the number of channels,
    so that the sum of squares of root * rows is the mean square over domain and channels.
    """

    on: AbstractDiscretization
    rows: Float[np.ndarray, "n p"]
    root: Float[np.ndarray, " p"]
    space: Space

    @property
    def scaled(self) -> Float[np.ndarray, "n p"]:
        """Rows whose sums of squares are mean squares of functions."""
        return self.rows * self.root

    def errors(self, scaled: Float[np.ndarray, "n p"]) -> Float[np.ndarray, " n"]:
        """The mean over channels of the rms of each of these functions."""
        c = self.space.channels
        # sum of root^2 f^2 = (1 / c) int f_c^2 / V: times c the mean square of channel c
        squares = scaled.reshape(len(scaled), -1, c) ** 2
        return np.sqrt(squares.sum(1) * c).mean(1)

    def functions(self, rows: Float[np.ndarray, "*n p"]) -> Frozen:
        """Rows as values on the points, in the default precision."""
        shape = (*rows.shape[:-1], *self.on.shape, self.space.channels)
        return Frozen(jnp.asarray(rows.reshape(shape), float))


def baselines(
    training: PairsLike, *, key: PRNGKeyArray, groups: Int[np.ndarray, " n"] | None = None
) -> dict[str, AbstractOperator]:
    """The baselines of a data set, as operators: what every trained operator must beat.

    - `training mean`: the mean of the outputs, a function on their points; one number per channel
      where the points differ from sample to sample.
    - `persistence`: the output is the input, where both are of one space.
    - `pointwise linear`: u(x) = a(x) W + b, where both have one domain.
    - `PCA + ridge`: linear regression on all principal components of the inputs, penalised by
      the strength with the lowest error of samples that are left out.
    - `nearest neighbours`: the mean output of the k nearest training inputs, k chosen alike.

    They work between normalised channels, hold the training data's points, and answer on any.

    **Arguments:**

    - `training`: pairs, in memory or in an open data file. Of more than 4096 samples, or 2^25
      values, a random part is used.
    - `key`: for that part.
    - `groups`: a label for each pair; pairs of one label are left out together. Samples that
      depend on their neighbours in time need blocks of time here, `riesz.split(...).groups`.
      Without, each is left out on its own.

    ```python
    report = riesz.evaluate(fitted.model, test, baselines=riesz.baselines(training, key=key))
    ```
    """
    found = fit_baselines(training, key=key, groups=groups)
    return {name: baseline.operator for name, baseline in found.items() if name in NAMES}


def fit_baselines(
    training: PairsLike, *, key: PRNGKeyArray, groups: Int[np.ndarray, " n"] | None = None
) -> dict[str, Baseline]:
    """The baselines with the errors of samples that are left out, by name.

    Also `pointwise linear + ridge`, the ridge regression of what the pointwise map leaves.
    """
    first, chosen = training[:1], samples_fitted(training, key)
    if len(chosen) < len(training):
        training, groups = subset(training, chosen), None if groups is None else groups[chosen]
    groups = np.arange(len(chosen)) if groups is None or len(np.unique(groups)) < 2 else groups
    before = Affine.of(part.inputs for part in pieces(training))
    after = Affine.of(part.outputs for part in pieces(training))
    a = _table(training, "inputs", before)
    u = _table(training, "outputs", after)
    found = {"training mean": _mean(a, u, training, groups)}
    pointwise: tuple[Baseline, Float[np.ndarray, "n p"]] | None = None
    one_domain = not isinstance(first.input_space.domain, DisjointUnion)
    if one_domain and first.input_space.domain == first.output_space.domain:
        same = a.on is u.on or a.rows.shape == u.rows.shape and _equal(a.on, u.on)
        moved = a if same else _table(training, "inputs", before, u.on)
        if _one_space(first.input_space, first.output_space):
            found["persistence"] = _persistence(moved, u, before, after)
        pointwise = _pointwise(moved, u)
        found["pointwise linear"] = pointwise[0]
    if len(a.rows) > 2:
        basis = leading(a.scaled)
        found["PCA + ridge"] = _ridge(a, u, basis, groups)
        found["nearest neighbours"] = _nearest(a, u, basis, groups)
        if pointwise is not None:
            # y - (a W + b) on the scores; added to a W + b by `Corrected`
            over = _ridge(a, u._replace(rows=pointwise[1]), basis, groups)
            core = Corrected(over.core, pointwise[0].core)
            found["pointwise linear + ridge"] = over._replace(core=core)

    def wrapped(name: str, baseline: Baseline) -> Baseline:
        if name == "persistence":
            return baseline
        operator = Normalised.between(baseline.core, before, after)
        return baseline._replace(operator=operator)

    return {name: wrapped(name, baseline) for name, baseline in found.items()}


def samples_fitted(training: PairsLike, key: PRNGKeyArray) -> Int[np.ndarray, " m"]:
    """Ascending numbers of the samples that baselines are fitted to: all, or a random part."""
    first, n = training[:1], len(training)
    each = prod(first.inputs.values.shape) + prod(first.outputs.values.shape)
    count = max(2, min(n, _VALUES // each, _SAMPLES))
    return np.sort(np.asarray(jax.random.permutation(key, n))[:count])


def _one_space(source: Space, target: Space) -> bool:
    """Whether inputs and outputs are the same quantity, as far as the spaces say."""
    same = (source.names, source.units) == (target.names, target.units)
    return same and target.accepts(source)


def _equal(first: AbstractDiscretization, second: AbstractDiscretization) -> bool:
    if jax.tree.structure(first) != jax.tree.structure(second):
        return False
    leaves = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves)


def _table(
    pairs: PairsLike, side: str, scale: Affine, on: AbstractDiscretization | None = None
) -> Table:
    """One side of the pairs, normalised, on common points."""
    parts = [getattr(part, side) for part in pieces(pairs)]
    space = parts[0].space
    on = common_points(parts) if on is None else on
    mean = np.asarray(scale.mean.value, np.float64)
    unit = np.asarray(scale.unit, np.float64)
    # sqrt(w_i / (V c)), (*shape, c)
    root = np.sqrt(shares(on, space.channels) / space.channels)
    rows = []
    for part in parts:
        # (v - m) / s, (n, *shape, c)
        values = np.asarray(on_points(part, on).values, np.float64)
        rows.append(np.where(root > 0, (values - mean) / unit, 0))
    stacked = np.concatenate(rows)
    return Table(on, stacked.reshape(len(stacked), -1), root.reshape(-1), space)


def _mean(a: Table, u: Table, training: PairsLike, groups: Int[np.ndarray, " n"]) -> Baseline:
    shared = _equal(u.on, common_points([training[:1].outputs]))
    rows = u.rows.mean(0) if shared else np.zeros_like(u.rows[0])
    core = TrainingMean(a.space, u.space, u.functions(rows), u.on)
    labels, place = np.unique(groups, return_inverse=True)
    # mean of the outputs of the other groups: (sum of all - sum of the group) / (n - size)
    sums = np.zeros((len(labels), u.rows.shape[1]))
    np.add.at(sums, place, u.rows)
    sizes = np.bincount(place)
    others = (sums.sum(0) - sums[place]) / (len(place) - sizes[place])[:, None]
    return Baseline(core, core, u.errors((u.rows - others) * u.root))


def _persistence(a: Table, u: Table, before: Affine, after: Affine) -> Baseline:
    parts = (before.unit, before.mean.value, after.unit, after.mean.value)
    s_a, m_a, s_u, m_u = (np.asarray(x, np.float64) for x in parts)
    # between normalised channels: z -> (z s_a + m_a - m_u) / s_u
    weight, bias = np.diag(s_a / s_u), (m_a - m_u) / s_u
    core = _linear(a.space, u.space, weight, bias)
    error = u.errors((_apply(a, weight, bias) - u.rows) * u.root)
    return Baseline(Persistence(a.space, u.space), core, error)


def _pointwise(a: Table, u: Table) -> tuple[Baseline, Float[np.ndarray, "n p"]]:
    """The map and what it leaves of the outputs, as rows."""
    c_in, c_out = a.space.channels, u.space.channels
    # least squares at all points, weighted: sum_i w_i |x_i W + b - y_i|^2, W (c_in, c_out)
    root = a.root[::c_in, None]
    # (n, points, c_in), (n, points, c_out)
    x = a.rows.reshape(len(a.rows), -1, c_in)
    y = u.rows.reshape(len(u.rows), -1, c_out)
    # [x, 1] times sqrt(w): the last row of the solution is b
    x = np.concatenate([x, np.ones((*x.shape[:-1], 1))], -1) * root
    x, y = x.reshape(-1, c_in + 1), (y * root).reshape(-1, c_out)
    # normal equations, (c_in + 1, c_in + 1)
    solution = np.linalg.lstsq(x.T @ x, x.T @ y, rcond=1e-12)[0]
    weight, bias = solution[:-1], solution[-1]
    core = _linear(a.space, u.space, weight, bias)
    left = u.rows - _apply(a, weight, bias)
    return Baseline(core, core, u.errors(left * u.root)), left


def _apply(a: Table, weight: np.ndarray, bias: np.ndarray) -> Float[np.ndarray, "n p"]:
    # (n, points, c_in) x (c_in, c_out) + b -> (n, points c_out)
    values = a.rows.reshape(len(a.rows), -1, a.space.channels) @ weight + bias
    return values.reshape(len(a.rows), -1)


def _linear(source: Space, target: Space, weight: Any, bias: Any) -> PointwiseLinear:
    arrays = (Frozen(jnp.asarray(x, float)) for x in (weight, bias))
    return PointwiseLinear(source, target, *arrays)


def _ridge(a: Table, u: Table, basis: Basis, groups: Int[np.ndarray, " n"]) -> Baseline:
    fit = ridge(basis, u.scaled, groups)
    # fitted to rows * root: over root, and 0 where that is 0
    root = np.where(u.root > 0, u.root, np.inf)
    core = PCARidge(
        a.space,
        u.space,
        a.functions(a.rows.mean(0)),
        Frozen(jnp.asarray(_analysis(a, basis.modes), float)),
        Frozen(jnp.asarray(fit.synthesis / root, float)),
        u.functions(u.rows.mean(0)),
        a.on,
        u.on,
    )
    # (n, p) -> (n, *shape, c)
    influence = batch((fit.influence / root).reshape(len(a.rows), *u.on.shape, -1), u.on, u.space)
    return Baseline(core, core, u.errors(fit.left_out), influence)


def _analysis(a: Table, modes: Float[np.ndarray, "p k"]) -> Float[np.ndarray, "p k"]:
    """Modes of scaled rows as those of rows times sqrt(weight)."""
    weights = np.repeat(np.asarray(a.on.weights, np.float64).reshape(-1), a.space.channels)
    # (p, k): (rows root) . v = (rows sqrt(w)) . (v root / sqrt(w))
    return (
        modes
        * np.where(a.root > 0, a.root / np.sqrt(np.where(weights > 0, weights, 1)), 0)[:, None]
    )


def _nearest(a: Table, u: Table, basis: Basis, groups: Int[np.ndarray, " n"]) -> Baseline:
    found = nearest(basis, u.scaled, groups, each=a.rows.shape[1] + u.rows.shape[1])
    core = NearestNeighbours(
        a.space,
        u.space,
        found.neighbours,
        a.functions(a.rows.mean(0)),
        Frozen(jnp.asarray(_analysis(a, found.modes), float)),
        Frozen(jnp.asarray(found.components, float)),
        u.functions(u.rows[found.kept]),
        a.on,
        u.on,
    )
    return Baseline(core, core, u.errors(found.left_out))
