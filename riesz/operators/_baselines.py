"""Operators that need no training by gradients: the yardstick of every operator that does."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz._core.parameters import Frozen
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import ModelError
from riesz.functions import Function
from riesz.operators._operator import AbstractOperator, require_input
from riesz.operators._registry import register


@register
class TrainingMean(AbstractOperator):
    """G(a) = mean of the training outputs, whatever a is; a function on their points `target`."""

    advice: ClassVar[str] = "check that the inputs determine the outputs, and train longer"
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    mean: Frozen  # (*target.shape, channels)
    target: AbstractDiscretization

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        mean = self.mean.value.astype(a.values.dtype)
        return _placed(self, mean, a, on)


@register
class Persistence(AbstractOperator):
    """G(a) = a: the output is the input, at the points where it is asked for."""

    advice: ClassVar[str] = "try to learn the change from the input, or keep persistence"
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)

    def __check_init__(self):
        if not self.output_space.accepts(self.input_space):
            raise ModelError(
                "persistence needs inputs and outputs of one space",
                where="Persistence(input_space, output_space)",
                expected=f"{self.input_space.channels} channels on {self.input_space.domain}",
                found=f"{self.output_space.channels} channels on {self.output_space.domain}",
                repair="use the training mean as the baseline",
            )

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        a = a if on is None else a.resample(on)
        return Function(a.values, a.discretization, self.output_space)


@register
class PointwiseLinear(AbstractOperator):
    """G(a)(x) = a(x) W + b, with W and b the same at every point of one domain."""

    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    weight: Frozen  # (input channels, output channels)
    bias: Frozen  # (output channels,)

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        a = a if on is None else a.resample(on)
        weight, bias = (x.value.astype(a.values.dtype) for x in (self.weight, self.bias))
        return Function(a.values @ weight + bias, a.discretization, self.output_space)


@register
class PCARidge(AbstractOperator):
    """Ridge regression from principal components of the inputs to those of the outputs.

    G(a) = mean_u + sum_k <a - mean_a, v_k> w_k with <a, b> the mean of a b over the domain and the
    channels, in which the v_k are orthonormal: by the quadrature of the training inputs' points
    `source`, to which a is resampled. The w_k are functions on the training outputs' points
    `target`.
    """

    advice: ClassVar[str] = "try a smaller model, one that learns the residual over it, or keep it"
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    before: Frozen  # mean of the inputs (*source.shape, channels)
    analysis: Frozen  # sqrt(weight) v_k, (source.size * channels, k)
    synthesis: Frozen  # w_k, (k, target.size * channels)
    after: Frozen  # mean of the outputs (*target.shape, channels)
    source: AbstractDiscretization
    target: AbstractDiscretization

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        dtype = a.values.dtype
        parts = (self.before, self.analysis, self.synthesis, self.after)
        before, analysis, synthesis, after = (x.value.astype(dtype) for x in parts)
        # (p,) x (p, k) x (k, q): c_k = <a - mean_a, v_k>, then sum_k c_k w_k
        values = _rooted(a, before, self.source) @ analysis @ synthesis
        return _placed(self, after + values.reshape(after.shape), a, on)


@register
class NearestNeighbours(AbstractOperator):
    """G(a) = mean of the outputs of the `neighbours` training inputs nearest to a.

    Nearest in L2 among the leading principal components of the training inputs.
    """

    advice: ClassVar[str] = "try more samples and a smaller model, or keep it"
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)
    neighbours: int = eqx.field(static=True)
    before: Frozen  # mean of the inputs (*source.shape, channels)
    analysis: Frozen  # sqrt(weight) v_k, (source.size * channels, k)
    inputs: Frozen  # components of the training inputs (n, k)
    outputs: Frozen  # training outputs (n, *target.shape, channels)
    source: AbstractDiscretization
    target: AbstractDiscretization

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a)
        dtype = a.values.dtype
        parts = (self.before, self.analysis, self.inputs, self.outputs)
        before, analysis, inputs, outputs = (x.value.astype(dtype) for x in parts)
        # (p,) x (p, k) -> (k,)
        components = _rooted(a, before, self.source) @ analysis
        # |c_i - c|^2 for each training input, (n,)
        squares = jnp.sum((inputs - components) ** 2, 1)
        # the k smallest; mean of their outputs, (k, *target.shape, c) -> (*target.shape, c)
        _, nearest = jax.lax.top_k(-squares, self.neighbours)
        return _placed(self, outputs[nearest].mean(0), a, on)


def _rooted(a: Function, mean: Array, source: AbstractDiscretization) -> Float[Array, " p"]:
    """sqrt(weight) (a - mean) at the points of `source`: L2 products become sums.

    On the same grid with other holes, a is the mean where it is not known.
    """
    if _same_grid(a.discretization, source):
        difference = a.discretization.present(a.values - mean)
    else:
        difference = a.resample(source).values - mean
    # sqrt(w_i) (a - mean)(x_i), (*shape, c) -> (p,)
    root = jnp.sqrt(source.weights).astype(difference.dtype)
    return (difference * root[..., None]).reshape(-1)


def _placed(
    operator: "TrainingMean | PCARidge | NearestNeighbours",
    values: Array,
    a: Function,
    on: AbstractDiscretization | None,
) -> Function:
    """Values at the training outputs' points as a function where it is asked for."""
    if on is None:
        same = a.domain == operator.output_space.domain
        on = a.discretization if same else operator.target
    if _same_grid(operator.target, on):
        return Function(values, on, operator.output_space)
    return Function(values, operator.target, operator.output_space).resample(on)


def _same_grid(first: AbstractDiscretization, second: AbstractDiscretization) -> bool:
    """Whether two discretizations are the nodes of one grid, whichever of them are masked."""
    return first.tensor is not None and first.tensor == second.tensor
