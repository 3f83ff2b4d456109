"""Principal components, ridge regression and nearest neighbours with leave-one-out errors."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_TERMS = 1024  # at most so many components, and samples from which they are taken
_KEPT = 2**25  # values of all modes of a model
_RESOLVED = 1e-7  # relative to the largest singular value; float32 data carry no more
_STRENGTHS = np.logspace(-14, 1, 31)  # of the penalty, relative to the largest eigenvalue
_RESPONSES = 256  # components of the outputs by which the penalty is chosen
_NEIGHBOURS, _DIMENSIONS = 10, 64


class Basis(NamedTuple):
    """Orthonormal modes v_k of centred rows, and scores (n, k), whose columns are orthogonal."""

    modes: Float[np.ndarray, "p k"]
    scores: Float[np.ndarray, "n k"]


class Ridge(NamedTuple):
    """Rows w_k such that x -> sum_k <x, v_k> w_k, and what each sample's row less the prediction
    from all other samples is.
    """

    synthesis: Float[np.ndarray, "k q"]
    left_out: Float[np.ndarray, "n q"]


class Nearest(NamedTuple):
    """k, the numbers of the samples that are kept, and their components."""

    neighbours: int
    kept: np.ndarray
    modes: Float[np.ndarray, "p k"]
    components: Float[np.ndarray, "m k"]
    left_out: Float[np.ndarray, "m q"]


def leading(rows: Float[np.ndarray, "n p"], most: int = _TERMS) -> Basis:
    """The principal components of rows, by the smaller of the two Gram matrices."""
    n, p = rows.shape
    centred = rows - rows.mean(0)
    most = max(1, min(most, _KEPT // p))
    if p <= n:
        modes = _eigen(centred.T @ centred, most)[1]
    else:
        some = centred[np.unique(np.linspace(0, n - 1, min(n, _TERMS)).round().astype(int))]
        squares, vectors = _eigen(some @ some.T, most)
        modes = some.T @ (vectors / np.sqrt(squares))
    # orthogonal once more: the Gram matrix halves the digits of the small ones
    modes = np.linalg.qr(modes)[0]
    scores = centred @ modes
    turn = _eigen(scores.T @ scores, most)[1]
    return Basis(modes @ turn, scores @ turn)


def _eigen(gram: Float[np.ndarray, "k k"], most: int) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues that are resolved, largest first, and their vectors; one at least."""
    squares, vectors = np.linalg.eigh(gram)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    count = int(np.sum(squares > squares[0] * _RESOLVED**2)) if squares[0] > 0 else 0
    count = max(1, min(count, most))
    floor = np.finfo(float).tiny
    return np.maximum(squares[:count], floor), vectors[:, :count]


def ridge(basis: Basis, outputs: Float[np.ndarray, "n q"]) -> Ridge:
    """Ridge regression of rows on scores, with an intercept that is not penalised.

    With singular values s, left singular vectors U of the scores and a penalty t, the hat matrix
    is H = U diag(s^2 / (s^2 + t)) U^T + 1/n, and the row that is left out has the error
    (y - H y)_i / (1 - H_ii). The penalty has the lowest mean of their norms.
    """
    n = len(outputs)
    s = np.linalg.norm(basis.scores, axis=0)
    s = np.where(s > 0, s, np.finfo(float).tiny ** 0.5)
    left = basis.scores / s
    centred = outputs - outputs.mean(0)
    small = centred
    if centred.shape[1] > _RESPONSES:
        small = leading(centred, _RESPONSES).scores
    rest = np.maximum((centred**2).sum(1) - (small**2).sum(1), 0)
    projected, squared = left.T @ small, left**2
    best = (np.inf, 0.0)
    for strength in _STRENGTHS * s[0] ** 2:
        shrink = s**2 / (s**2 + strength)
        free = np.maximum(1 - 1 / n - squared @ shrink, 1e-12)
        error = small - left @ (shrink[:, None] * projected)
        mean = float(np.mean(np.sqrt((error**2).sum(1) + rest) / free))
        best = min(best, (mean, float(strength)))
    shrink = s**2 / (s**2 + best[1])
    projected = left.T @ centred
    error = centred - left @ (shrink[:, None] * projected)
    free = np.maximum(1 - 1 / n - squared @ shrink, 1e-12)
    return Ridge((shrink / s)[:, None] * projected, error / free[:, None])


def nearest(basis: Basis, outputs: Float[np.ndarray, "n q"], each: int) -> Nearest:
    """The number of neighbours with the lowest leave-one-out error; `each`: values per sample."""
    most = max(2, min(len(outputs), _TERMS, _KEPT // each))
    kept = np.unique(np.linspace(0, len(outputs) - 1, most).round().astype(int))
    components, rows = basis.scores[kept, :_DIMENSIONS], outputs[kept]
    squares = (components**2).sum(1)
    distances = squares[:, None] + squares - 2 * components @ components.T
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, 1)[:, : min(_NEIGHBOURS, len(kept) - 1)]
    total, best = np.zeros_like(rows), (np.inf, 1, rows)
    for k in range(order.shape[1]):
        total = total + rows[order[:, k]]
        error = rows - total / (k + 1)
        mean = float(np.mean(np.linalg.norm(error, axis=1)))
        if mean < best[0]:
            best = (mean, k + 1, error)
    return Nearest(best[1], kept, basis.modes[:, :_DIMENSIONS], components, best[2])
