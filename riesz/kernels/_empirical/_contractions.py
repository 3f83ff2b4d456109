"""Orders in which to contract J(x) J(y)^T."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from riesz.kernels._empirical._model import Leaves, Output
from riesz.kernels._empirical._program import floats_of, program_of
from riesz.kernels._empirical._structure import Structure

Method = Literal["structured", "jacobians", "products"]
METHODS: tuple[Method, ...] = get_args(Method)

EXACT = jax.lax.Precision.HIGHEST  # accelerators round the factors of products by default


class Parts(NamedTuple):
    """What is known of inputs of one shape."""

    # What the product needs to know of x, and of y, as functions of the input and the rows.
    left: Callable[[Any, Float[Array, "c o"]], Any]
    right: Callable[[Any, Float[Array, "c o"]], Any]
    # How many floats the products of b by b inputs hold, c rows at a time.
    floats: Callable[[int, int], int]


class AbstractContraction(eqx.Module):
    """<J(x)^T e, J(y)^T e'>, summed over rows e and e', from a part for x and one for y.

    J is the Jacobian of `output(leaves, x)` in the leaves.
    """

    output: eqx.AbstractVar[Output]
    leaves: eqx.AbstractVar[Leaves]

    @abstractmethod
    def parts(self, like: PyTree) -> Parts:
        """The parts for inputs with the shapes of `like`."""

    @abstractmethod
    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        """The product of one left and one right part."""


class Jacobians(AbstractContraction):
    """Both Jacobians, then one matrix product.

    With `structured`, the Jacobians of the weights of dense layers stay outer products.
    """

    output: Output
    leaves: Leaves
    structured: bool = eqx.field(static=True)

    def parts(self, like: PyTree) -> Parts:
        structure = Structure.of(self.output, self.leaves, like)
        if not self.structured:
            structure = structure._replace(products=())
        outer = {product.leaf for product in structure.products}
        plain = sum(leaf.size for i, leaf in enumerate(self.leaves) if i not in outer)
        # floats of one row: plain gradients, and intermediate results of the model
        row = plain + floats_of(structure.program.jaxpr)

        def factors(x, rows):
            return structure.factors(self.leaves, x, rows)

        # c rows of b Jacobians, and (points, points) products for b^2 pairs
        return Parts(factors, factors, lambda b, c: b * c * row + (b * structure.points) ** 2)

    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        # sum_c <J(x)^T e_c, J(y)^T e_c>, leaf by leaf
        parts = [jnp.vdot(a, b, precision=EXACT) for a, b in zip(left[0], right[0], strict=True)]
        for f, g in zip(left[1], right[1], strict=True):
            # sum_c <a^T delta_c, a'^T delta'_c> = sum_pq (a a'^T)_pq sum_c (delta_c delta'_c^T)_pq
            points = jnp.einsum("pk,qk->pq", f.a, g.a, precision=EXACT)
            cotangents = jnp.einsum("cpm,cqm->pq", f.delta, g.delta, precision=EXACT)
            parts.append((points * cotangents).sum())
        return sum(parts[1:], parts[0])


class Products(AbstractContraction):
    """J(x) applied to each J(y)^T e'; only the Jacobians of y are held."""

    output: Output
    leaves: Leaves

    def parts(self, like: PyTree) -> Parts:
        parameters = sum(leaf.size for leaf in self.leaves)
        computed = activations(self.output, self.leaves, like)

        def pulled(y, rows):
            _, pull = jax.vjp(lambda leaves: self.output(leaves, y), self.leaves)
            # J(y)^T e_c, leaves (c, *leaf)
            return jax.vmap(pull)(rows)[0]

        def floats(b, c):
            # c rows of b Jacobians of y, and c evaluations for each of b^2 pairs
            return b * c * (parameters + b * computed)

        return Parts(lambda x, rows: (x, rows), pulled, floats)

    def inner(self, left: Any, right: Any) -> Float[Array, ""]:
        x, rows = left

        def push(tangents):
            return jax.jvp(lambda leaves: self.output(leaves, x), (self.leaves,), (tangents,))[1]

        # sum_c e_c . J(x) (J(y)^T e_c)
        return jnp.vdot(rows, jax.vmap(push)(right), precision=EXACT)


def activations(f: Output, leaves: Leaves, x: PyTree) -> int:
    """How many numbers f computes for one input."""
    return floats_of(program_of(f, leaves, x).jaxpr)


def contraction(method: str, output: Output, leaves: Leaves) -> AbstractContraction:
    """The order of contraction of this name."""
    if method == "products":
        return Products(output, leaves)
    return Jacobians(output, leaves, structured=method == "structured")
