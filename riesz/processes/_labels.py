"""Labels: classes that were observed at points."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from riesz._core.parameters import FROZEN
from riesz._core.tracing import traced
from riesz.domains import AbstractDiscretization
from riesz.errors import DataError
from riesz.processes._functionals import Inputs
from riesz.processes._inputs import inputs_of, mask_of, require_finite
from riesz.processes._observations import Rows, take_rows
from riesz.processes._process import On


class Labels(eqx.Module):
    """The class was seen at points.

    A process with one channel f has the classes 0 and 1, p(1 | x) = 1 / (1 + exp(-f(x))); one
    with c > 1 channels has c classes, p(i | x) = exp f_i(x) / sum_j exp f_j(x).

    **Arguments:**

    - `points`: an array of inputs `(m, *features)`, or a discretization without masked points.
    - `labels`: integers from 0, shape `(m,)` or `discretization.shape`.

    **Raises:** `DataError` for shapes that disagree, negative labels or other than integers.

    ```python
    posterior = GaussianProcess(kernel, channels=10).condition(Labels(images, digits))
    posterior.probabilities(on=other_images)
    ```
    """

    parameter_kind: ClassVar[str] = FROZEN
    points: Inputs
    labels: Int[Array, " m"]

    def __init__(self, points: On, labels: Any):
        where = "Labels(points, labels)"
        self.points = inputs_of(points)
        kept = mask_of(points)
        known = labels if traced(labels) else np.asarray(labels)
        shape = (
            points.shape if isinstance(points, AbstractDiscretization) else self.points.shape[:1]
        )
        if known.shape != shape or not (
            jnp.issubdtype(known.dtype, jnp.integer) or known.dtype == bool
        ):
            raise DataError(
                "labels are integers, one for each point",
                where=where,
                expected=f"integers of shape {shape}",
                found=f"{known.dtype} of shape {known.shape}",
                repair="number the classes from 0: np.unique(names, return_inverse=True)[1]",
            )
        masked = kept is not None and (traced(kept) or not bool(np.asarray(kept).all()))
        if masked or (not traced(known) and (known < 0).any()):
            raise DataError(
                "every point has a label, and labels are not negative",
                where=where,
                expected="labels >= 0, and no masked points",
                found="masked points" if masked else f"a label {known.min()}",
                repair="leave out the points whose class is unknown",
            )
        self.labels = jnp.asarray(known.reshape(-1).astype(jnp.int32))
        require_finite(where, points=self.points)

    def rows(self, index: Rows) -> "Labels":
        """Some of the points with their labels."""
        return take_rows(self, index, lambda o: (o.points, o.labels))

    def __len__(self) -> int:
        return len(self.labels)
