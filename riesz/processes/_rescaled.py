"""Processes in other units."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.tracing import traced
from riesz.errors import DataError, ModelError
from riesz.processes._fields import Fields
from riesz.processes._functionals import Inputs
from riesz.processes._inputs import as_floats
from riesz.processes._marginals import AbstractMarginal, PerChannel, moved
from riesz.processes._observations import AbstractObservation, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register


@register
class Rescaled(AbstractProcess):
    """shift + scale f for a process f: a process of standardised values, in their own units.

    Observations are given in the units of shift + scale f, and so are samples and distributions.

    **Arguments:**

    - `process`: the process f.
    - `shift`, `scale`: one number for each channel; scales are positive.

    **Raises:** `DataError` for other shapes, and scales that are not positive.

    ```python
    prior = Rescaled(GaussianProcess(Matern(2.5, 0.3)), y.mean(0), y.std(0))
    prior.condition(Values(x, y, noise=0.1)).marginal(on=new).mean
    ```
    """

    process: AbstractProcess
    shift: PerChannel
    scale: PerChannel

    def __init__(self, process: AbstractProcess, shift: Any, scale: Any):
        self.process = process
        self.shift, self.scale = (jnp.asarray(as_floats(v)) for v in (shift, scale))

    def __check_init__(self):
        known = None if traced(self.scale) else np.asarray(self.scale)
        shapes = self.shift.ndim == 1 and self.shift.shape == self.scale.shape
        if not shapes or (known is not None and not ((known > 0) & (known < np.inf)).all()):
            raise DataError(
                "a process has a shift and a positive scale for each channel",
                where="Rescaled(process, shift, scale)",
                expected="two arrays of shape (channels,), scale > 0",
                found=f"shapes {self.shift.shape} and {self.scale.shape}"
                + ("" if known is None or not known.size else f", smallest scale {known.min():g}"),
            )

    @property
    def exact(self) -> bool:
        """As the process f is."""
        return self.process.exact

    @property
    def pathwise(self) -> bool:
        return self.process.pathwise

    def sample(self, n: int, *, on: On, key: RandomKey) -> Fields:
        return moved(self.process.sample(n, on=on, key=key), self.shift, self.scale)

    def marginal(self, *, on: On, joint: bool = False) -> AbstractMarginal:
        return self.process.marginal(on=on, joint=joint).rescaled(self.shift, self.scale)

    def derivative(self, axis: int = 0) -> "Rescaled":
        """The derivative along an axis, scale df/dx_axis, in the units of values over inputs.

        **Raises:** `ModelError` where f has no derivative that is known.
        """
        derivative: Any = self._known("derivative")
        return Rescaled(derivative(axis), jnp.zeros_like(self.shift), self.scale)

    def condition(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> "Rescaled":
        """The process given observations in its units, their noise too.

        **Raises:** `DataError` for noise where channels have different scales: f would have other
        noise in each. Give standardised values to `process.condition` then.
        """
        inside = [self._inside(o) for o in as_sequence(observations)]
        return Rescaled(self.process.condition(inside), self.shift, self.scale)

    def log_density(
        self, observations: AbstractObservation | Sequence[AbstractObservation]
    ) -> Float[Array, ""]:
        """The log density of the observed values: that of f, less log scale for each of them.

        **Raises:** `ModelError` where f has none.
        """
        inside = [self._inside(o) for o in as_sequence(observations)]
        density: Any = self._known("log_density")
        return density(inside) - sum(map(len, inside)) * jnp.sum(jnp.log(self.scale))

    def _known(self, method: str) -> Any:
        """A method that not every process has."""
        if not hasattr(self.process, method):
            raise ModelError(
                f"this process has no {method} that is known",
                where=f"Rescaled.{method}",
                expected=f"a process with {method}, such as GaussianProcess",
                found=type(self.process).__name__,
            )
        return getattr(self.process, method)

    def _inside(self, observation: AbstractObservation) -> AbstractObservation:
        """The same observation of f: (y - L shift) / scale."""

        def shift(x: Inputs) -> Float[Array, "n c"]:
            return jnp.broadcast_to(self.shift.astype(x.dtype), (x.shape[0], len(self.shift)))

        dtype = observation.values.dtype
        scale = self.scale.astype(dtype)
        unknown = traced(self.scale, observation.noise)
        if not unknown and np.ptp(np.asarray(scale)) > 0 and np.any(np.asarray(observation.noise)):
            raise DataError(
                "one noise for channels of different scales",
                where="Rescaled.condition(observations)",
                expected="observations without noise, or channels of one scale",
                found=f"scales {np.asarray(scale)}",
                repair="condition the process inside on standardised values: "
                "Rescaled(process.condition(Values(x, (y - shift) / scale, noise)), shift, scale)",
            )
        values = (observation.values - observation.apply(shift)) / scale
        # scale[0]: there is one scale for all channels, or no noise
        return eqx.tree_at(
            lambda o: (o.values, o.noise), observation, (values, observation.noise / scale[0])
        )
