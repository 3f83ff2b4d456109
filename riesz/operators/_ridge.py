"""Principal components, ridge regression and nearest neighbours, by errors of samples left out.

`groups` labels the samples: those of one label are left out together. With a label for each it
is leave-one-out.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

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
    """Rows w_k of x -> sum_k <x, v_k> w_k, and errors y_i - prediction from all other samples.

    `influence`: what being fitted to a sample adds to its prediction.
    """

    synthesis: Float[np.ndarray, "k q"]
    left_out: Float[np.ndarray, "n q"]
    influence: Float[np.ndarray, "n q"]


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
        # X^T X v = s^2 v, (p, k)
        modes = _eigen(centred.T @ centred, most)[1]
    else:
        some = centred[np.unique(np.linspace(0, n - 1, min(n, _TERMS)).round().astype(int))]
        # X X^T u = s^2 u, v = X^T u / s
        squares, vectors = _eigen(some @ some.T, most)
        modes = some.T @ (vectors / np.sqrt(squares))
    # orthogonal once more: the Gram matrix halves the digits of the small ones
    modes = np.linalg.qr(modes)[0]
    # scores X V, turned so that their columns are orthogonal
    scores = centred @ modes
    turn = _eigen(scores.T @ scores, most)[1]
    return Basis(modes @ turn, scores @ turn)


def _eigen(gram: Float[np.ndarray, "k k"], most: int) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues that are resolved, largest first, and their vectors; one at least."""
    squares, vectors = np.linalg.eigh(gram)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    # s_k > 1e-7 s_1
    count = int(np.sum(squares > squares[0] * _RESOLVED**2)) if squares[0] > 0 else 0
    count = max(1, min(count, most))
    floor = np.finfo(float).tiny
    return np.maximum(squares[:count], floor), vectors[:, :count]


def ridge(basis: Basis, outputs: Float[np.ndarray, "n q"], groups: Int[np.ndarray, " n"]) -> Ridge:
    """Ridge regression of rows on scores, with an intercept that is not penalised.

    With singular values s, left singular vectors U of the scores and a penalty t, the hat matrix
    is H = U diag(s^2 / (s^2 + t)) U^T + 1/n, and rows G that are left out together have the
    errors (I - H_GG)^-1 (y - H y)_G. The penalty has the lowest mean of their norms.
    """
    # scores = U diag(s), (n, k)
    s = np.linalg.norm(basis.scores, axis=0)
    s = np.where(s > 0, s, np.finfo(float).tiny ** 0.5)
    left = basis.scores / s
    centred = outputs - outputs.mean(0)
    # (n, q) -> (n, 256) at most: principal components keep norms, but for `rest`
    small = centred
    if centred.shape[1] > _RESPONSES:
        small = leading(centred, _RESPONSES).scores
    # squares of what these components leave, (n,), the same for all penalties
    rest = np.maximum((centred**2).sum(1) - (small**2).sum(1), 0)
    best = (np.inf, 0.0)
    for strength in _STRENGTHS * s[0] ** 2:
        error = _left_out(left, s**2 / (s**2 + strength), small, groups)
        # mean of |y_i - prediction without the group of i|
        mean = float(np.mean(np.sqrt((error**2).sum(1) + rest)))
        best = min(best, (mean, float(strength)))
    # w = diag(s^2 / (s^2 + t)) diag(1 / s) U^T y, (k, q)
    shrink = s**2 / (s**2 + best[1])
    synthesis = (shrink / s)[:, None] * (left.T @ centred)
    left_out = _left_out(left, shrink, centred, groups)
    # G(a_i) - G_i(a_i) = (y_i - G_i(a_i)) - (y_i - G(a_i))
    return Ridge(synthesis, left_out, left_out - (centred - basis.scores @ synthesis))


def _left_out(
    left: Float[np.ndarray, "n k"],
    shrink: Float[np.ndarray, " k"],
    outputs: Float[np.ndarray, "n q"],
    groups: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "n q"]:
    """Errors of predictions from the other groups."""
    n = len(outputs)
    # y - U diag(shrink) U^T y; the outputs are centred, so that 1/n adds nothing
    error = outputs - left @ (shrink[:, None] * (left.T @ outputs))
    labels, sizes = np.unique(groups, return_counts=True)
    if sizes.max() == 1:
        # 1 - h_ii, h_ii = 1/n + sum_k shrink_k U_ik^2
        free = np.maximum(1 - 1 / n - left**2 @ shrink, 1e-12)
        return error / free[:, None]
    for label in labels:
        rows = np.flatnonzero(groups == label)
        # H_GG = U_G diag(shrink) U_G^T + 1/n; 1e-12 where it has the eigenvalue 1
        hat = (left[rows] * shrink) @ left[rows].T + 1 / n
        free = np.eye(len(rows)) * (1 + 1e-12) - hat
        error[rows] = np.linalg.solve(free, error[rows])
    return error


def nearest(
    basis: Basis, outputs: Float[np.ndarray, "n q"], groups: Int[np.ndarray, " n"], each: int
) -> Nearest:
    """The number of neighbours with the lowest error; `each`: values per sample.

    Neighbours of a sample are of other groups, where there are any.
    """
    most = max(2, min(len(outputs), _TERMS, _KEPT // each))
    kept = np.unique(np.linspace(0, len(outputs) - 1, most).round().astype(int))
    components, rows = basis.scores[kept, :_DIMENSIONS], outputs[kept]
    # |c_i - c_j|^2 = |c_i|^2 + |c_j|^2 - 2 c_i . c_j; infinite within a group
    squares = (components**2).sum(1)
    distances = squares[:, None] + squares - 2 * components @ components.T
    alike = groups[kept][:, None] == groups[kept]
    distances[np.eye(len(kept), dtype=bool) if alike.all() else alike] = np.inf
    others = int(np.isfinite(distances).sum(1).min())
    order = np.argsort(distances, 1)[:, : min(_NEIGHBOURS, others)]
    total, best = np.zeros_like(rows), (np.inf, 1, rows)
    for k in range(order.shape[1]):
        # y_i - (1/k) sum over the k nearest of y_j
        total = total + rows[order[:, k]]
        error = rows - total / (k + 1)
        mean = float(np.mean(np.linalg.norm(error, axis=1)))
        if mean < best[0]:
            best = (mean, k + 1, error)
    return Nearest(best[1], kept, basis.modes[:, :_DIMENSIONS], components, best[2])
