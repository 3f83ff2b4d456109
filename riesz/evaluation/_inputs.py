"""What inputs a calibration has met: by point, channel mean, principal component and hole."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.linalg import eigh

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization, Grid
from riesz.evaluation._holes import Holes, absence
from riesz.evaluation._latent import batched, kept_at, latent_grid, sums
from riesz.functions import Function, PairsLike, take
from riesz.functions.internal import chunks, subset

NOTHING = 0.01  # standard deviations at a point that do not matter: there may be only rounding
STATISTICS = ("point", "mean", "components", "remainder", "mask", "holes", "depth")
_MOST = 20  # components
_FOLDS = 5
_INPUTS = 500  # at most, evenly taken from all
_FINEST = 4096  # nodes of the grid
_CHUNK = 32
_FLOOR = 1e-4  # of a channel's deviation: what counts as constant there


class InputStatistics(eqx.Module):
    """The inputs of a calibration, from which later inputs are judged. See `check_range`.

    Each input is averaged onto `grid`. `mean` and `deviation` are per node and channel;
    `components` are principal components of the standardised inputs with variances `variances`.
    `least` and `most` are the smallest and the largest share of missing points at a node.
    `reference` holds, for each of the n inputs of the calibration (500 at most), the seven
    statistics, each found from other inputs (5 folds); `means` their means per channel.
    """

    mean: Frozen  # (*grid.shape, c)
    deviation: Frozen  # (*grid.shape, c), positive
    components: Frozen  # (k, *grid.shape, c)
    variances: Frozen  # (k,)
    least: Frozen  # grid.shape
    most: Frozen  # grid.shape
    reference: Frozen  # (n, 7)
    means: Frozen  # (n, c)
    grid: AbstractDiscretization = eqx.field(static=True)

    @classmethod
    def of(cls, inputs: Function | PairsLike) -> "InputStatistics":
        """Those of a batch of functions, or of the inputs of pairs."""
        count = len(inputs.values) if isinstance(inputs, Function) else len(inputs)
        if count > _INPUTS:
            some = np.linspace(0, count - 1, _INPUTS).astype(int)
            inputs = take(inputs, some) if isinstance(inputs, Function) else subset(inputs, some)
        grid = _grid(inputs)
        parts = [_averages(f, grid, count) for f, count in _batches(inputs)]
        seen = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        count = len(seen.values)
        fold = np.arange(count) % min(_FOLDS, count)
        reference = np.zeros((count, len(STATISTICS)))
        for k in range(fold.max() + 1):
            rest = fold != k if fold.max() else fold == k
            # the statistics of fold k from a model of the others, as those of a new input would be
            model = _Model.of(seen.some(rest), grid)
            reference[fold == k] = model.statistics(seen.some(fold == k))
        model = _Model.of(seen, grid)
        shape = (*grid.shape, seen.values.shape[-1])
        parts = (
            model.mean.reshape(shape),
            model.deviation.reshape(shape),
            model.components.reshape(-1, *shape),
            model.variances,
            model.holes.least.reshape(grid.shape),
            model.holes.most.reshape(grid.shape),
            reference,
            seen.means,
        )
        constants = [Frozen(jnp.asarray(x, float)) for x in parts]
        return cls(*constants, grid=grid)

    def statistics(self, inputs: Function) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a batch: `(n, 7)`, the means per channel `(n, c)`, and places `(n, 2, 2, d)`.

        The seven are: the largest deviation from the mean at a point and the deviation of a
        channel's mean, both in standard deviations; the root mean square of the scores of the
        principal components, each in standard deviations; the size of what the components do
        not hold; the number of nodes with a hole, or a value, where no input of the calibration
        had one, of holes that not all had, and their depth (`Holes.statistics`). The places are
        boxes around the nodes of both numbers (`Holes.box`).
        """
        arrays = (np.asarray(x.value, np.float64) for x in (self.mean, self.deviation))
        mean, deviation = (x.reshape(-1, x.shape[-1]) for x in arrays)
        variances = np.asarray(self.variances.value, np.float64)
        components = np.asarray(self.components.value, np.float64).reshape(len(variances), -1)
        means = np.asarray(self.means.value, np.float64)
        spread = _spread(means, deviation)
        least, most = (np.asarray(x.value, np.float64).ravel() for x in (self.least, self.most))
        holes = Holes(least, most, least, self.grid)
        if not kept_at(self.grid, inputs.discretization):
            holes = holes.widened()
        model = _Model(mean, deviation, components, variances, means.mean(0), spread, holes)
        if not batched(inputs):
            inputs = jax.tree.map(lambda x: jnp.asarray(x)[None], inputs)
        seen = _averages(inputs, self.grid, inputs.values.shape[0])
        return model.statistics(seen), seen.means, holes.box(seen.absent)

    @property
    def channels(self) -> int:
        """Of the inputs."""
        return self.means.value.shape[-1]


class _Seen(NamedTuple):
    """Some inputs, averaged onto the grid."""

    values: np.ndarray  # (n, p, c), averages at the nodes
    present: np.ndarray  # (n, p), whether there are any
    means: np.ndarray  # (n, c)
    absent: np.ndarray  # (n, p), see `absence`

    def some(self, which: np.ndarray) -> "_Seen":
        """Those where `which` (n,) is true."""
        return _Seen(*(x[which] for x in self))


@dataclass(frozen=True)
class _Model:
    """Mean, deviation, principal components and holes of inputs, on the host in float64."""

    mean: np.ndarray  # (p, c)
    deviation: np.ndarray  # (p, c)
    components: np.ndarray  # (k, p * c), orthonormal
    variances: np.ndarray  # (k,)
    centre: np.ndarray  # (c,), mean of the channel means
    spread: np.ndarray  # (c,), their deviation
    holes: Holes

    @classmethod
    def of(cls, seen: _Seen, grid: AbstractDiscretization) -> "_Model":
        """That of n inputs."""
        values, present, means, absent = seen
        # (n, p, c), count of inputs with a value at each node (p, 1), weight (n, p, 1)
        n, count, weight = len(values), present.sum(0)[:, None], present[..., None]
        # mean over the inputs with a value, (p, c)
        mean = (values * weight).sum(0) / np.maximum(count, 1)
        # variance of each node and channel, (p, c), with count - 1 degrees of freedom
        square = (((values - mean) * weight) ** 2).sum(0) / np.maximum(count - 1, 1)
        known = count > min(1, n - 1)  # else the deviation there is that of other places
        # root mean square deviation over the nodes, (c,)
        typical = _positive(np.sqrt((square * known).sum(0) / max(known.sum(), 1)))
        # at least 1e-4 of the typical one, which is taken where fewer than two inputs have a value
        deviation = np.where(known, np.maximum(np.sqrt(square), _FLOOR * typical), typical)
        # z = (a - mean) / deviation, (n, p c), 0 at holes; variance s_k^2 / (n - 1) along v_k
        z = _standardised(values, present, mean, deviation)
        power, components = _principal(z, min(_MOST, n // 3, z.shape[1] // 2))
        spread = _spread(means, deviation)
        variances, holes = power / max(n - 1, 1), Holes.of(absent, grid)
        return cls(mean, deviation, components, variances, means.mean(0), spread, holes)

    def statistics(self, seen: _Seen) -> np.ndarray:
        """The seven statistics of some inputs, (n, 7)."""
        values, present, means, absent = seen
        present = present & (self.holes.always < 1)  # values elsewhere are new: see `Holes`
        z = _standardised(values, present, self.mean, self.deviation)
        # t_k = <z, v_k>, (n, k)
        scores = z @ self.components.T
        # |z - sum_k t_k v_k|^2 = |z|^2 - sum_k t_k^2
        rest = np.maximum((z**2).sum(1) - (scores**2).sum(1), 0)
        # largest over channels of |mean_c - centre_c| / spread_c
        mean = np.abs((means - self.centre) / self.spread).max(1)
        # root mean square of t_k / sqrt(variance_k)
        main = np.sqrt((scores**2 / self.variances).mean(1)) if scores.size else 0 * mean
        found = np.stack([np.abs(z).max(1), mean, main, np.sqrt(rest / z.shape[1])], 1)
        return np.concatenate([found, self.holes.statistics(absent)], 1)


def _principal(z: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Squares of the largest singular values of z (n, p), and right singular vectors (keep, p)."""
    n, p = z.shape
    if keep == 0:
        return np.zeros(0), np.zeros((0, p))
    # Z Z^T u = s^2 u, or Z^T Z v = s^2 v: the smaller one
    gram = z @ z.T if n < p else z.T @ z
    least = 1e-6 * max(float((z**2).sum()), 1e-30)
    power, vectors = eigh(gram, subset_by_index=(len(gram) - keep, len(gram) - 1))
    power = np.maximum(power, least)
    # v = Z^T u / s
    return power, (z.T @ vectors / np.sqrt(power) if n < p else vectors).T


def _standardised(values, present, mean, deviation) -> np.ndarray:
    return ((values - mean) / deviation * present[..., None]).reshape(len(values), -1)


def _spread(means: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The deviation of the channel means; at least 1 % of that at a point."""
    return np.maximum(means.std(0, ddof=min(1, len(means) - 1)), NOTHING * deviation.mean(0))


def _positive(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 1.0)


def _grid(inputs: Function | PairsLike) -> AbstractDiscretization:
    one = inputs if isinstance(inputs, Function) else inputs[:1].inputs
    total = (len(inputs.values) if isinstance(inputs, Function) else len(inputs)) * int(
        np.prod(one.values.shape[1:-1])
    )
    grid = latent_grid(one.discretization, total)
    return grid.composed([_not_finer(part) for part in grid.parts])


def _not_finer(grid: Any) -> Grid:
    """The grid, or one of at most 4096 nodes."""
    if int(np.prod(grid.shape)) <= _FINEST:
        return grid
    # 4096^(1/d) nodes per axis
    most = int(_FINEST ** (1 / grid.domain.dim))
    kinds = tuple("vertex" if kind == "uneven" else kind for kind in grid.kinds)
    return Grid(grid.domain, tuple(min(n, most) for n in grid.shape), kinds)


def _batches(inputs: Function | PairsLike):
    if isinstance(inputs, Function):
        yield inputs, inputs.values.shape[0]
    else:
        yield from ((part.inputs, count) for part, count in chunks(inputs, _CHUNK))


def _averages(f: Function, grid: AbstractDiscretization, count: int) -> _Seen:
    values, on = f.values, f.discretization
    unit = jnp.asarray(_unit(f), values.dtype)
    # sum_i hat(x_i) a(x_i) in units of the channel, and sum_i hat(x_i): (n, *grid.shape, c)
    total, number = (np.asarray(x, np.float64)[:count] for x in _sums(values / unit, on, grid))
    # (n, p, c) and (n, p)
    total = total.reshape(len(total), -1, total.shape[-1]) * np.asarray(unit, np.float64)
    number = number.reshape(len(number), -1)
    spread = grid.components(np.broadcast_to(number[..., None], total.shape))
    # mean over all points: sum over nodes / number of points of the channel's domain, (n, c)
    counts = [x.reshape(len(total), -1, x.shape[-1]).sum(1) for _, x in spread]
    means = total.sum(1) / np.maximum(np.concatenate(counts, -1), 1e-12)
    # at each node: sum_i hat(x_i) a(x_i) / sum_i hat(x_i)
    averages = total / np.maximum(number, 1e-12)[..., None]
    return _Seen(averages, number > 1e-6, means, absence(number, on, grid))


def _unit(f: Function) -> np.ndarray:
    top = np.abs(np.asarray(f.values)).reshape(-1, f.values.shape[-1]).max(0)
    return np.where(np.isfinite(top) & (top > 0), top, 1)


@eqx.filter_jit
def _sums(values: Array, on: AbstractDiscretization, grid: AbstractDiscretization):
    return jax.vmap(lambda v, d: sums(v, grid, d))(values, on)
