"""What is observed of a function: values, derivatives, integrals, with independent noise."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from riesz._core.parameters import FROZEN, KIND, POSITIVE
from riesz._core.text import written
from riesz._core.tracing import traced
from riesz.errors import DataError
from riesz.kernels import AbstractKernel
from riesz.processes._functionals import AbstractFunctionals, ArrayFunction, Inputs, slopes
from riesz.processes._inputs import as_floats, observed, require_finite
from riesz.processes._process import On

Data = Float[Array, "m c"]
Noise = Float[Array, ""] | Float[Array, " m"]
Rows = slice | Int[Array, " r"]


class AbstractObservation(AbstractFunctionals):
    """Linear functionals of a function, their observed values, and the noise.

    `values` has one row for each functional and one column for each channel, and is
    L f + noise * N(0, 1), independently for each entry; `noise` is one standard deviation for
    all rows or one per row, and may be zero.
    """

    parameter_kind: ClassVar[str] = FROZEN

    values: eqx.AbstractVar[Data]
    noise: eqx.AbstractVar[Noise]

    @abstractmethod
    def rows(self, index: Rows) -> "AbstractObservation":
        """Some of the functionals, with their values and noise."""

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return written(self)


class Values(AbstractObservation):
    """The function was seen at points: y_i = f(x_i) + noise_i.

    **Arguments:**

    - `points`: an array of inputs `(m, *features)`, or a discretization, whose masked points
      are left out.
    - `values`: shape `(m, channels)`, or `(*discretization.shape, channels)`.
    - `noise`: standard deviation, one number or one per point; zero for exact values.

    **Raises:** `DataError` for shapes that disagree, numbers that are not finite, or negative
    noise.

    ```python
    Values(x, y, noise=0.1)
    Values(f.discretization, f.values)
    ```
    """

    points: Inputs
    values: Data
    noise: Noise = eqx.field(metadata={KIND: POSITIVE})

    def __init__(self, points: On, values: Any, noise: Any = 0.0):
        where = "Values(points, values, noise)"
        self.points, self.values = observed(where, points, values)
        self.noise = as_noise(where, noise, self.values)
        require_finite(where, points=self.points, values=self.values)

    def apply(self, f: ArrayFunction) -> Any:
        return f(self.points)

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        return kernel(self.points)

    def rows(self, index: Rows) -> "Values":
        return take_rows(self, index, lambda o: (o.points, o.values, o.noise))


class Derivatives(AbstractObservation):
    """A first derivative was seen at points: y_i = df/dx_axis(x_i) + noise_i.

    Needs a kernel with a mixed second derivative, such as a squared exponential or a Matern
    kernel smoother than 1.

    **Arguments:**

    - `points`: an array of inputs `(m, d)`, or a discretization.
    - `values`: shape `(m, channels)`, or `(*discretization.shape, channels)`.
    - `axis`: along which the derivative is taken.
    - `noise`: standard deviation, one number or one per point.

    **Raises:** `DataError` as `Values` does, and for an axis that the points do not have.

    ```python
    Derivatives(x, slopes, axis=0, noise=0.1)
    ```
    """

    points: Inputs
    values: Data
    noise: Noise = eqx.field(metadata={KIND: POSITIVE})
    axis: int = eqx.field(static=True)

    def __init__(self, points: On, values: Any, axis: int = 0, noise: Any = 0.0):
        where = "Derivatives(points, values, axis, noise)"
        self.points, self.values = observed(where, points, values)
        self.axis = axis
        self.noise = as_noise(where, noise, self.values)
        require_finite(where, points=self.points, values=self.values)
        if self.points.ndim != 2 or not 0 <= axis < self.points.shape[1]:
            raise DataError(
                "a derivative is taken along an axis of points of R^d",
                where=where,
                expected="points of shape (m, d) and 0 <= axis < d",
                found=f"points of shape {self.points.shape}, axis={axis}",
            )

    def apply(self, f: ArrayFunction) -> Any:
        return slopes(f, self.points, self.axis)

    def rows(self, index: Rows) -> "Derivatives":
        return take_rows(self, index, lambda o: (o.points, o.values, o.noise))


class Integrals(AbstractObservation):
    """Weighted sums of the function were seen: y_i = sum_j weights_ij f(x_j) + noise_i.

    With quadrature weights these are integrals: over the domain, against test functions, or
    averages over cells.

    **Arguments:**

    - `on`: a discretization, or an array of inputs `(n, *features)`.
    - `weights`: shape `(m, *discretization.shape)` or `(m, n)`, quadrature weights included.
    - `values`: shape `(m, channels)`.
    - `noise`: standard deviation, one number or one per row.

    **Raises:** `DataError` as `Values` does, and for weights that do not fit the points.

    ```python
    Integrals(grid, grid.weights[None], mass)                     # over the domain
    Integrals(grid, grid.weights * test_functions, moments)       # (m, *shape) test functions
    ```
    """

    points: Inputs
    weights: Float[Array, "m n"]
    values: Data
    noise: Noise = eqx.field(metadata={KIND: POSITIVE})

    def __init__(self, on: On, weights: Any, values: Any, noise: Any = 0.0):
        where = "Integrals(on, weights, values, noise)"
        weights = as_floats(weights)
        self.points, self.values = observed(where, on, values, count=weights.shape[0])
        flat = weights.astype(self.values.dtype).reshape(weights.shape[0], -1)
        self.weights = jnp.asarray(flat)
        self.noise = as_noise(where, noise, self.values)
        if self.weights.shape[1] != self.points.shape[0]:
            raise DataError(
                "an integral needs one weight for each point",
                where=where,
                expected=f"weights for {self.points.shape[0]} points",
                found=f"shape {weights.shape}",
                repair="the integral over the domain has weights discretization.weights[None]",
            )
        require_finite(where, points=self.points, values=self.values, weights=self.weights)

    def apply(self, f: ArrayFunction) -> Any:
        # (m, n) x (n, *tail) -> (m, *tail)
        return jnp.tensordot(self.weights, f(self.points), 1)

    def gram(self, kernel: AbstractKernel) -> Float[Array, "m m"]:
        return self.weights @ kernel(self.points) @ self.weights.T

    def rows(self, index: Rows) -> "Integrals":
        return take_rows(self, index, lambda o: (o.weights, o.values, o.noise))


def take_rows(observation: Any, index: Rows, which: Callable[[Any], tuple[Array, ...]]) -> Any:
    """The observation with its fields `which` indexed along their leading axes."""
    taken = [leaf[index] if leaf.ndim else leaf for leaf in which(observation)]
    return eqx.tree_at(which, observation, taken)


def as_noise(where: str, noise: Any, values: Data) -> Noise:
    """The noise in the type of the values, one number or one per row."""
    noise = as_floats(noise).astype(values.dtype)
    if noise.shape not in ((), values.shape[:1]):
        raise DataError(
            "noise is one standard deviation, or one for each row of values",
            where=where,
            expected=f"shape () or {values.shape[:1]}",
            found=f"shape {noise.shape}",
        )
    known = None if traced(noise) else np.asarray(noise)
    if known is not None and not ((known >= 0) & (known < np.inf)).all():
        raise DataError(
            "a standard deviation of noise is finite and not negative",
            where=where,
            expected="noise >= 0",
            found=f"smallest {known.min():g}, largest {known.max():g}",
            repair="leave out rows whose value is unknown",
        )
    return jnp.asarray(noise)


def as_sequence(observations: Any) -> tuple[AbstractObservation, ...]:
    """One observation or several, as a tuple."""
    several = isinstance(observations, Sequence)
    listed = tuple(observations) if several else (observations,)
    if not listed or not all(isinstance(o, AbstractObservation) for o in listed):
        raise DataError(
            "a process is conditioned on observations",
            where="condition(observations)",
            expected="Values, Derivatives or Integrals, or a sequence of them",
            found=", ".join(type(o).__name__ for o in listed) or "an empty sequence",
            repair="Values(points, values, noise) for values at points",
        )
    return listed
