"""Aggregation over the nodes of a graph."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances
from riesz.networks._network import AbstractNetwork, Shape
from riesz.networks._space import both_sides, require_space


class GraphAggregate(AbstractNetwork):
    """Values at nodes are multiplied by a matrix, such as a normalised adjacency: K -> A K A^T.

    Inputs have shape `(nodes, channels)` (Du et al. 2019, arXiv:1905.13192).

    **Arguments:**

    - `matrix`: shape (nodes after, nodes before); it is not trained.
    """

    matrix: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    couples: ClassVar[bool] = True

    def __init__(self, matrix: Any):
        rows = np.asarray(matrix, float)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise ModelError(
                "a graph is given by a finite matrix",
                where="GraphAggregate(matrix)",
                expected="shape (nodes after, nodes before)",
                found=f"shape {rows.shape}" if rows.ndim != 2 else "entries that are not finite",
            )
        self.matrix = tuple(map(tuple, rows.tolist()))

    def out_shape(self, shape: Shape) -> Shape:
        require_space("GraphAggregate(matrix)", shape, 1)
        after, before = len(self.matrix), len(self.matrix[0])
        if shape[0] != before:
            raise ModelError(
                "the graph and the input have different nodes",
                where="GraphAggregate(matrix)",
                expected=f"{before} nodes, the columns of the matrix",
                found=f"{shape[0]} nodes",
            )
        return (after, shape[-1])

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return self._gather(x)

    def propagate(self, inputs: Covariances) -> Covariances:
        shape = self.out_shape(inputs.shape)

        def transform(k: Array, full: bool) -> Array:
            if not full:  # read by nobody after, but shapes must agree
                return jnp.zeros((*k.shape[:-1], shape[0]), k.dtype)
            return both_sides(self._gather, k, 1)

        return inputs.linear(transform, shape=shape)

    def _gather(self, x: Array) -> Array:
        return jnp.tensordot(jnp.asarray(self.matrix, x.dtype), x, 1)
