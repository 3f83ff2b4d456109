"""A Cholesky factorisation of a large matrix in place, by LAPACK on the host."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
import scipy.linalg
from jaxtyping import Array, Bool, Float

from riesz._core.tracing import traced
from riesz.errors import SolverError
from riesz.processes._compiled import compiled
from riesz.processes._functionals import AbstractFunctionals, cross
from riesz.processes._observations import AbstractObservation, Integrals
from riesz.processes._solvers._indefinite import indefinite_error, rounding
from riesz.processes._solvers._solver import AbstractSolution
from riesz.processes._system import BLOCK_FLOATS, System

_WRITERS = 4  # threads, and blocks of the matrix that wait to be written
_PANEL = 1024  # columns that are factorised at once
_DIAGNOSED = 2000  # rows of an indefinite matrix whose eigenvalues are computed


class HostCholeskySolution(AbstractSolution):
    """The factor L of K = L L^T in the lower triangle of a NumPy array, and K^-1 residual."""

    basis: tuple[AbstractFunctionals, ...]
    weights: Float[Array, "b c"]
    quadratic: Float[Array, ""]
    converged: Bool[Array, ""]
    factor: Float[np.ndarray, "b b"] | Float[Array, "b b"]
    on_host: ClassVar[bool] = True

    def factors(self, cross):
        if traced(cross, self.factor):
            # c^T K^-1 c' = (L^-1 c)^T (L^-1 c')
            white = jsl.solve_triangular(self.factor, cross, lower=True)
        else:
            white = _solve_triangular(self.factor, np.array(cross, order="F"))
        return white, white


def host_cholesky(system: System) -> HostCholeskySolution:
    """Build the matrix by blocks of columns, factorise it where it lies, and solve."""
    system.require_no_white("blocks of a large matrix of integrals", Integrals)
    rows, dtype = system.shape[0], system.dtype
    _require_memory(rows, dtype)
    matrix = _assemble(system, rows, dtype)
    diagonal = matrix.diagonal().copy()
    factor, failed = matrix, cholesky_in_place(matrix)
    pivots = np.square(factor.diagonal())
    weak = pivots <= rounding(float(diagonal.max()), rows, dtype)
    if failed or weak.any():
        row = failed - 1 if failed else int(np.flatnonzero(weak)[0])
        raise indefinite_error(system, _around(row, factor, diagonal), dtype)
    # L^-1 r; its square r^T K^-1 r, before L^-T L^-1 r takes its memory
    white = _solve_triangular(factor, np.array(_residual(system), order="F"))
    quadratic = np.square(white).sum()
    weights = _solve_triangular(factor, white, transposed=True)
    return HostCholeskySolution(
        system.observations,
        jnp.asarray(weights),
        jnp.asarray(quadratic),
        jnp.asarray(True),
        factor,
    )


def cholesky_in_place(matrix: Float[np.ndarray, "n n"]) -> int:
    """Replace the lower triangle of a matrix in Fortran order by its factor L, by panels.

    Returns 0, or the number, from 1, of the row whose pivot is not positive. OpenBLAS 0.3.30 ends
    with a segmentation fault in `potrf` of more than some 12,000 rows in float64, on processors
    with AVX-512; here it gets one block of the diagonal at a time, as in a left-looking
    factorisation: with P the rows from j on, P_j <- (P_j - P_<j L_j,<j^T) L_jj^-T.
    """
    potrf, trsm = (
        *scipy.linalg.get_lapack_funcs(("potrf",), dtype=matrix.dtype),
        *scipy.linalg.get_blas_funcs(("trsm",), dtype=matrix.dtype),
    )
    for start in range(0, len(matrix), _PANEL):
        panel = matrix[start:, start : start + _PANEL]
        width, before = panel.shape[1], matrix[start:, :start]
        if start:
            # P_j <- P_j - P_<j L_j,<j^T
            panel -= before @ before[:width].T
        # L_jj L_jj^T = the block of the diagonal
        corner, failed = potrf(panel[:width], lower=1, clean=0)
        if failed:
            return start + failed
        panel[:width] = corner
        if start + width < len(matrix):
            # the rows below: P_j <- P_j L_jj^-T
            panel[width:] = trsm(1.0, corner, panel[width:], side=1, lower=1, trans_a=1)
    return 0


def _assemble(system: System, rows: int, dtype: np.dtype) -> np.ndarray:
    """The matrix in Fortran order, as LAPACK wants it, written by contiguous blocks.

    Writing to fresh memory takes longer than computing what is written, and is shared by threads.
    """
    matrix = np.empty((rows, rows), dtype, order="F")
    width, first = max(1, BLOCK_FLOATS // rows), 0
    writing: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_WRITERS) as pool:
        for o in system.observations:
            count = o.values.shape[0]
            size = min(width, count)
            for start in range(0, count, size):
                start = min(start, count - size)  # the last block overlaps the one before
                # (size, rows): rows of K, which is symmetric, as columns in Fortran order
                block = _block(system, o.rows(slice(start, start + size)))
                place = matrix.T[first + start : first + start + size]
                writing.append(pool.submit(np.copyto, place, block))
                if len(writing) > _WRITERS:
                    writing.popleft().result()
            first += count
        for job in writing:
            job.result()
    # the noise is independent: K_ii + noise_i^2
    np.fill_diagonal(matrix, _diagonal(system))
    return matrix


@compiled
def _block(system: System, part: AbstractObservation) -> Float[Array, "w m"]:
    return jnp.concatenate([cross(system.kernel, part, o) for o in system.observations], axis=1)


@compiled
def _residual(system: System) -> Float[Array, "m c"]:
    return system.residual


@compiled
def _diagonal(system: System) -> Float[Array, " m"]:
    return system.prior_variances() + system.variances


def _solve_triangular(factor: Any, right: np.ndarray, transposed: bool = False):
    """L^-1 right or L^-T right, in the memory of `right`, which is in Fortran order."""
    (trsm,) = scipy.linalg.get_blas_funcs(("trsm",), dtype=factor.dtype)
    return trsm(1.0, factor, right, lower=1, trans_a=int(transposed), overwrite_b=1)


def _around(row: int, factor: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """The principal part of the matrix of this row and those it is most correlated with.

    Factorising in the lower triangle has left the matrix in the upper one.
    """
    nearest = np.argsort(-np.abs(factor[:row, row]))[: _DIAGNOSED - 1]
    index = np.append(np.sort(nearest), row)
    upper = np.triu(factor[np.ix_(index, index)], 1)
    return upper + upper.T + np.diag(diagonal[index])


def _require_memory(rows: int, dtype: np.dtype) -> None:
    needed = rows**2 * dtype.itemsize
    present = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > 0.9 * present:
        raise SolverError(
            "the covariance matrix of the observations does not fit the memory of this machine",
            where="GaussianProcess.condition(observations)",
            expected=f"at most {present / 2**30:.1f} GiB",
            found=f"{needed / 2**30:.1f} GiB for {rows} observations in {dtype}",
            repair="use solver=ConjugateGradients() or solver=InducingPoints(points)",
        )
