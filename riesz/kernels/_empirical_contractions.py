"""Orders in which to contract J(x) J(y)^T."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from riesz.kernels._empirical_model import Leaves, Output
from riesz.kernels._empirical_program import floats_of, program_of
from riesz.kernels._empirical_structure import Structure

Method = Literal["structured", "jacobians", "products"]
METHODS: tuple[Method, ...] = get_args(Method)

EXACT = jax.lax.Precision.HIGHEST  # accelerators round the factors of products by default


class AbstractContraction(eqx.Module):
    """<J(x)^T e, J(y)^T e'>, summed over rows e and e', from a part for x and one for y.

    J is the Jacobian of `output(leaves, x)` in the parameters.
    """

    output: eqx.AbstractVar[Output]
    leaves: eqx.AbstractVar[Leaves]

    @abstractmethod
    def left(self, x: PyTree, rows: Float[Array, "c o"]) -> Any:
        """What the product needs to know of x."""

    @abstractmethod
    def right(self, y: PyTree, rows: Float[Array, "c o"]) -> Any:
        """What the product needs to know of y."""

    @abstractmethod
    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        """The product of one left and one right part."""

    @abstractmethod
    def floats(self, x: PyTree) -> Callable[[int, int], int]:
        """How many floats the products of b by b inputs like x hold, c rows at a time."""


class Jacobians(AbstractContraction):
    """Both Jacobians, then one matrix product.

    With `structured`, the Jacobians of the weights of dense layers stay outer products.
    """

    output: Output
    leaves: Leaves
    structured: bool = eqx.field(static=True)

    def left(self, x: PyTree, rows: Float[Array, "c o"]) -> Any:
        if self.structured:
            return Structure.of(self.output, self.leaves, x).factors(self.leaves, x, rows)
        _, pull = jax.vjp(lambda leaves: self.output(leaves, x), self.leaves)
        return jax.vmap(pull)(rows)[0], ()

    def right(self, y: PyTree, rows: Float[Array, "c o"]) -> Any:
        return self.left(y, rows)

    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        parts = [jnp.vdot(a, b, precision=EXACT) for a, b in zip(left[0], right[0], strict=True)]
        for f, g in zip(left[1], right[1], strict=True):
            points = jnp.einsum("pk,qk->pq", f.a, g.a, precision=EXACT)
            cotangents = jnp.einsum("cpm,cqm->pq", f.delta, g.delta, precision=EXACT)
            parts.append((points * cotangents).sum())
        return sum(parts[1:], parts[0])

    def floats(self, x: PyTree) -> Callable[[int, int], int]:
        stored = {i: leaf.size for i, leaf in enumerate(self.leaves)}
        points = 1
        if self.structured:
            structure = Structure.of(self.output, self.leaves, x)
            points = structure.points
            for product in structure.products:
                del stored[product.leaf]
        row = sum(stored.values()) + activations(self.output, self.leaves, x)
        return lambda b, c: b * c * row + (b * points) ** 2


class Products(AbstractContraction):
    """J(x) applied to each J(y)^T e'; only the Jacobians of y are held."""

    output: Output
    leaves: Leaves

    def left(self, x: PyTree, rows: Float[Array, "c o"]) -> Any:
        return x, rows

    def right(self, y: PyTree, rows: Float[Array, "c o"]) -> Any:
        _, pull = jax.vjp(lambda leaves: self.output(leaves, y), self.leaves)
        return jax.vmap(pull)(rows)[0]

    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        x, rows = left

        def push(tangents):
            return jax.jvp(lambda leaves: self.output(leaves, x), (self.leaves,), (tangents,))[1]

        return jnp.vdot(rows, jax.vmap(push)(right), precision=EXACT)

    def floats(self, x: PyTree) -> Callable[[int, int], int]:
        parameters = sum(leaf.size for leaf in self.leaves)
        computed = activations(self.output, self.leaves, x)
        return lambda b, c: b * c * (parameters + b * computed)


def activations(f: Output, leaves: Leaves, x: PyTree) -> int:
    """How many numbers f computes for one input."""
    return floats_of(program_of(f, leaves, x).jaxpr)


def contraction(method: Method, output: Output, leaves: Leaves) -> AbstractContraction:
    """The order of contraction of this name."""
    if method == "products":
        return Products(output, leaves)
    return Jacobians(output, leaves, structured=method == "structured")
