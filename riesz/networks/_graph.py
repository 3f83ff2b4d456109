"""Aggregation over the nodes of a graph."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._covariances import Covariances
from riesz.networks._network import AbstractNetwork, Shape
from riesz.networks._space import both_sides, require_space


class HashedArray:
    """An array that is part of a description: it does not change, and is compared and hashed."""

    def __init__(self, array: Float[np.ndarray, "..."]):
        self.array = array
        array.setflags(write=False)
        self._hash = hash((array.shape, array.tobytes()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HashedArray) and np.array_equal(self.array, other.array)


class GraphAggregate(AbstractNetwork):
    """Values at nodes are multiplied by a matrix, such as a normalised adjacency: K -> A K A^T.

    Inputs have shape `(nodes, channels)` (Du et al. 2019, arXiv:1905.13192).

    **Arguments:**

    - `matrix`: shape (nodes after, nodes before); it is not trained.
    """

    fixed: HashedArray = eqx.field(static=True)
    couples: ClassVar[bool] = True

    def __init__(self, matrix: Any):
        rows = np.array(matrix, float)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise ModelError(
                "a graph is given by a finite matrix",
                where="GraphAggregate(matrix)",
                expected="shape (nodes after, nodes before)",
                found=f"shape {rows.shape}" if rows.ndim != 2 else "entries that are not finite",
            )
        self.fixed = HashedArray(rows)

    @property
    def matrix(self) -> Float[np.ndarray, "after before"]:
        """What values are multiplied by."""
        return self.fixed.array

    def out_shape(self, shape: Shape) -> Shape:
        require_space("GraphAggregate(matrix)", shape, 1)
        after, before = self.matrix.shape
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
            # A K A^T
            return both_sides(self._gather, k, 1)

        return inputs.linear(transform, shape=shape)

    def _gather(self, x: Array) -> Array:
        # The compiler would multiply large constants by each other for minutes.
        matrix = jax.lax.optimization_barrier(jnp.asarray(self.matrix, x.dtype))
        # (after, before) x (before, ...) -> (after, ...)
        return jnp.tensordot(matrix, x, 1)
