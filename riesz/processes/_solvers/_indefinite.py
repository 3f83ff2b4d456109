"""What is wrong with a covariance matrix that has no Cholesky factor."""

import numpy as np

from riesz.errors import SolverError
from riesz.processes._system import System


def rounding(variance: float, rows: int, dtype: np.dtype) -> float:
    """Pivots of a Cholesky factorisation below this, squared, are rounding errors."""
    return float(np.finfo(dtype).eps * np.sqrt(rows) * variance)


def indefinite_error(system: System, matrix: np.ndarray, dtype: np.dtype) -> SolverError:
    """The error that describes an indefinite covariance matrix, or a principal part of it."""
    rows = system.shape[0]
    eigenvalues = np.linalg.eigvalsh(matrix.astype(float))
    smallest, largest = eigenvalues[0], eigenvalues[-1]
    floor = rounding(float(matrix.diagonal().max()), rows, dtype)
    noise = system.noise_range[0]
    repeated = _repeated(system)
    if repeated:
        cause = f"{repeated} inputs are given more than once, without enough noise"
    else:
        cause = "inputs are so close that their values hardly differ, with little or no noise"
    part = "" if len(matrix) == rows else f" among {len(matrix)} of them"
    # noise^2 of twice what the smallest eigenvalue lacks
    enough = np.sqrt(2 * (max(-smallest, 0.0) + floor))
    wider = "" if dtype == np.float64 else ", or compute in float64 (jax.enable_x64)"
    return SolverError(
        "the covariance matrix of the observations is not positive definite",
        where="GaussianProcess.condition(observations)",
        expected=f"a smallest eigenvalue above the rounding errors of {dtype}, {floor:.1e}",
        found=f"smallest eigenvalue {smallest:.1e}{part}, largest {largest:.1e}; "
        f"{rows} observations, smallest noise {noise:.1e}\n{cause}",
        repair=f"give noise of at least {enough:.0e}{wider}"
        + ("; average repeated observations" if repeated else ""),
    )


def _repeated(system: System) -> int:
    """How many inputs repeat an earlier one of the same kind of observation."""
    count = 0
    for o in system.observations:
        points = np.asarray(getattr(o, "points", np.zeros((0, 1))))
        if len(points) == len(o.values):
            flat = points.reshape(len(points), -1)
            count += len(flat) - len(np.unique(flat, axis=0))
    return count
