"""The shape of a band: its half-width by place, channel, size of the prediction and roughness."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization
from riesz.evaluation._latent import mean_over, on_grid, sums
from riesz.evaluation._residuals import Residuals, residuals_of, size_factor, sizes_of
from riesz.evaluation._roughness import Roughness, combined
from riesz.functions import Function, PairsLike
from riesz.functions.internal import average
from riesz.operators import AbstractOperator

FLOOR = 0.05  # of the largest value of the channel
PRIORS = (20.0, 80.0, np.inf)  # samples that the mean over the domain counts for
EXPONENTS = (0.0, 0.5, 1.0)
_OPTIONS = [(p, e, c) for e in EXPONENTS for c in ((0, 1) if e else (0,)) for p in PRIORS]
_SMOOTH = (0.0, 0.0)  # exponents of a roughness of 1
_LEAST = 8  # samples from which a shape is chosen; below it is the first prior, exponent 0
_FOLDS = 5
_RIDGE = 1e-3  # on the exponents of the roughness


class Scale(eqx.Module):
    """s(x) g(a) h(a, x), the half-width of a band in units of its quantile, per channel.

    g_c(a) = (size of G(a)_c / typical size)^exponent, the size being the root mean square over the
    domain of G(a)_c - centre_c; between 1/4 and 4. The centre is 0 or the mean of predictions.
    `field` holds s on `grid`, in the units of the channel, and is multilinear between its nodes. It
    is zero where the outputs are known: at nodes where predictions and targets vanish. h is the
    `roughness`, 1 without.
    """

    field: Frozen  # (*grid.shape, channels), not negative
    centre: Frozen  # (channels,)
    typical: Frozen  # (channels,), mean size of predictions
    grid: AbstractDiscretization = eqx.field(static=True)
    exponent: float = eqx.field(static=True)
    roughness: Roughness | None = None

    def __call__(self, a: Function, prediction: Function) -> Float[Array, "..."]:
        """The scale around a prediction for a, at its points; zero at absent points."""
        on, dtype = prediction.discretization, prediction.values.dtype
        # s(x) g(a) h(a, x), (*shape, c)
        field = on_grid(self.field.value.astype(dtype), self.grid, on)
        field = field * self.factor(a, prediction).astype(dtype)
        return jnp.where((on.weights > 0)[..., None], field, 0)

    def factor(self, a: Function, prediction: Function) -> Float[Array, "..."]:
        """g(a) h(a, x) at the points, `(*shape, c)`; without roughness `(c,)`."""
        dtype = prediction.values.dtype
        centre, typical = self.centre.value.astype(dtype), self.typical.value.astype(dtype)
        # g = clip((size / typical)^exponent, 1/4, 4), (c,)
        size = size_factor(sizes_of(prediction, centre, typical), self.exponent)
        return size if self.roughness is None else size * self.roughness(a, prediction)

    def score(self, a: Function, prediction: Function, u: Function) -> Float[Array, ""]:
        """Sup over present points and channels of |u - prediction| / (s g h).

        Where the scale is zero the quotient is 0 for equal values and infinite for others.
        """
        residual = jnp.abs(prediction.values - u.values.astype(prediction.values.dtype))
        ratio = jnp.where(residual == 0, 0, residual / self(a, prediction))
        return jnp.max(ratio, initial=0, where=(u.discretization.weights > 0)[..., None])


def fit_scale(operator: AbstractOperator, pairs: PairsLike, known: bool = True) -> Scale:
    """The scale of an operator's residuals on pairs that were not used in training.

    s(x)^2 is the mean square residual at x over the samples divided by g h, shrunk towards its mean
    over the domain: with few samples s(x) is noisy, which makes bands wide. The weight of that
    mean and the exponent of g are those with the smallest product of mean half-width and
    fourth-power mean of the scores, by cross-validation over the pairs; the exponents of h minimise
    the product itself for g = 1, and are kept where the cross-validated product is smaller. s is at
    least 5 % of its maximum in the channel, and zero where `known` and predictions and targets are
    all zero.
    """
    data = residuals_of(operator, pairs)
    count = len(data.values)
    chosen, rough = _OPTIONS[0], _SMOOTH
    if count >= _LEAST:
        fold, found = np.arange(count) % _FOLDS, {_SMOOTH, _exponents(data)}
        options = [(option, r) for r in sorted(found) for option in _OPTIONS]
        chosen, rough = min(options, key=lambda pair: _cost(data, fold, *pair[0], pair[1]))
    _, exponent, centre = chosen
    # from all samples, 0 where known, in the units of the channels
    (field,) = _fields(data, np.zeros((1, count), bool), *chosen, rough)
    if known and count >= _LEAST:
        field[data.known] = 0
    field, dtype = field * data.unit, data.values.dtype
    arrays = field, data.centres[centre], data.typical[centre]
    s, middle, typical = (Frozen(jnp.asarray(x, dtype)) for x in arrays)
    h = None
    if any(rough):
        slopes, bends = (Frozen(jnp.asarray(x, dtype)) for x in data.units)
        h = Roughness(slopes, bends, rough)
    return Scale(s, middle, typical, data.grid, exponent, h)


def _exponents(data: Residuals) -> tuple[float, float]:
    """Those of the roughness, for g = 1 and the first prior."""
    if all(bool((x == x.ravel()[0]).all()) for x in data.local):
        return _SMOOTH
    all_in = np.zeros((1, len(data.values)), bool)
    fields = jnp.asarray(_fields(data, all_in, *_OPTIONS[0], _SMOOTH), data.values.dtype)
    one = jnp.zeros(len(data.values), int)

    def cost(exponents: np.ndarray) -> float:
        # h = v^e w^f; log of the product plus a small ridge on (e, f)
        factor = combined(*data.local, (float(exponents[0]), float(exponents[1])))
        found = _held_out(data.values, data.on, data.grid, fields, factor, one)
        return _product(*found) + _RIDGE * float(np.sum(exponents**2))

    found = minimize(cost, [0.2, 0.2], method="Nelder-Mead", bounds=[(0, 1)] * 2, tol=0.01)
    e, f = np.round(found.x, 3).tolist()
    return e, f


def _cost(
    data: Residuals,
    fold: np.ndarray,
    prior: float,
    exponent: float,
    centre: int,
    rough: tuple[float, float],
) -> float:
    """Log of mean half-width times fourth-power mean of the scores, over held-out folds."""
    # (folds, m): the field of fold k without its samples, and the costs of these with it
    left_out = fold == np.arange(fold.max() + 1)[:, None]
    fields = jnp.asarray(_fields(data, left_out, prior, exponent, centre, rough), data.values.dtype)
    factor = data.factor(exponent, centre, rough)
    found = _held_out(data.values, data.on, data.grid, fields, factor, jnp.asarray(fold))
    return _product(*found)


def _product(scores: Array, widths: Array) -> float:
    """Log of the fourth-power mean of scores (m,) times mean widths (m, c)."""
    found = np.asarray(scores, np.float64)
    top = found.max() or 1.0
    # (mean_i score_i^4)^(1/4); its log plus the mean over channels of log(mean half-width)
    fourth = top * np.mean((found / top) ** 4) ** 0.25
    return float(np.log(fourth or 1.0) + np.log(np.asarray(widths, np.float64).mean(0)).mean())


def _fields(
    data: Residuals,
    left_out: np.ndarray,
    prior: float,
    exponent: float,
    centre: int,
    rough: tuple[float, float],
) -> np.ndarray:
    """The field, in units of `unit`, without some samples: `left_out` (k, m) gives k of them."""
    factor = data.factor(exponent, centre, rough)
    # per sample: sum_i hat(x_i) (r_i / (g h))^2 at each node, and sum_i hat(x_i)
    totals, counts = (
        np.asarray(x, np.float64) for x in _sums(data.values, data.on, data.grid, factor)
    )
    out = []
    for without in left_out:
        total, count = totals[~without].sum(0), counts[~without].sum(0)
        # how many samples a node stands on: at most those that are there
        samples = np.minimum(count, (~without).sum())[..., None]
        # mean square at each node, and over the domain
        local = total / np.maximum(count, 1e-12)[..., None]
        mean = mean_over(data.grid, local, count > 0)
        # s^2 = (n local + prior mean) / (n + prior), the mean alone for an infinite prior
        share = samples / (samples + prior) if np.isfinite(prior) else 0.0
        field = np.sqrt(share * local + (1 - share) * mean)
        # at least 5 % of the maximum per channel, 1 where all residuals are 0
        top = field.max(tuple(range(field.ndim - 1)))
        out.append(np.maximum(field, np.where(top > 0, FLOOR * top, 1)))
    return np.stack(out)


@eqx.filter_jit
def _sums(values, on, grid, factor):
    def one(v, d, g):
        # |r| / (g h), squared
        return sums((v / g) ** 2, grid, d)

    return jax.vmap(one)(values, on, factor)


@eqx.filter_jit
def _held_out(values, on, grid, fields, factor, fold):
    def one(v, d, g, k):
        # half-width / q of the sample by the field without its fold
        s = on_grid(fields[k], grid, d) * g
        present = (d.weights > 0)[..., None]
        # sup |r| / (s g h), and the mean over the domain of s g h, (c,)
        score = jnp.max(jnp.where(v == 0, 0, v / s), initial=0, where=present)
        return score, average(s, d)

    return jax.vmap(one)(values, on, factor, fold)
