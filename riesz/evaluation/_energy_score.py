"""How well samples of a process foretell functions (Gneiting and Raftery 2007)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError
from riesz.functions import Function, embed
from riesz.functions.internal import is_batch


def energy_score(samples: Function, targets: Function) -> Float[Array, " n"]:
    """The energy score E|X - f| - E|X - X'| / 2 in L2 of each target f, X and X' being samples.

    In the unit of the functions; lower is better, and no distribution has a lower mean than the
    one that the targets come from (Gneiting and Raftery 2007, doi 10.1198/016214506000001437). The
    second mean is over different samples, so that their number does not shift the score.

    **Arguments:**

    - `samples`: m functions, m > 1, on the points of the targets.
    - `targets`: n functions.

    **Raises:** `DataError` for one sample, or other points.

    ```python
    score = energy_score(process.sample(500, on=grid, key=key), held_out).mean()
    ```
    """
    same = is_batch(samples) and is_batch(targets) and len(samples.values) > 1
    if not same or samples.values.shape[1:] != targets.values.shape[1:]:
        raise DataError(
            "samples and targets are batches of functions on the same points",
            where="energy_score(samples, targets)",
            expected="values (m, *shape, channels), m > 1, and (n, *shape, channels)",
            found=f"values of shape {samples.values.shape} and {targets.values.shape}",
            repair="process.sample(500, on=targets.discretization, key=key)",
        )
    # (m, d), (n, d), whose distances are those in L2
    x, f = embed(samples), embed(targets)
    m = len(x)
    # (1/m) sum_j |x_j - f|  -  (1/2) sum_{j,k} |x_j - x_k| / (m (m - 1))
    return _mean_distance(f, x) - _mean_distance(x, x).sum() / (2 * (m - 1))


def _mean_distance(a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, " n"]:
    """The mean over b of the distance from each a; a row at a time, in memory of m d."""
    return jax.lax.map(lambda v: jnp.mean(jnp.linalg.norm(b - v, axis=-1)), a)
