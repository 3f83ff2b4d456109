"""Points of low discrepancy for expectations over normal variables."""

import numpy as np
from jaxtyping import Float


def normal_points(count: int, dimension: int) -> Float[np.ndarray, "count dimension"]:
    """A power of two of Sobol points, mapped to the standard normal distribution."""
    from scipy.special import ndtri
    from scipy.stats.qmc import Sobol  # takes a second to import

    # The points are multiples of 1 / count; the shift makes their coordinates midpoints.
    return ndtri(Sobol(dimension, scramble=False).random(count) + 0.5 / count)
