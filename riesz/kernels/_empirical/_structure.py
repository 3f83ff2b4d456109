"""Jacobians that are outer products: those of the weights of dense layers.

A weight W that is used once, in a product z = a W, has the Jacobian a^T (dy/dz). Its two factors
are far smaller than their product. Which weights these are is read from the program that the
model traces to, so that a model needs no support for it; whatever is not recognised keeps its
plain Jacobian.
"""

from collections import Counter
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Var
from jaxtyping import Array, Float, PyTree

from riesz.kernels._empirical._model import Leaves, Output
from riesz.kernels._empirical._program import Equation, Program, program_of, run

# What moves the entries of an array, if its size stays.
MOVES = ("transpose", "reshape", "squeeze", "broadcast_in_dim", "copy")


class Outer(NamedTuple):
    """A Jacobian a^T delta, for c rows of the output."""

    a: Float[Array, "points k"]
    delta: Float[Array, "c points m"]


class WeightProduct(NamedTuple):
    """An equation that multiplies an activation and the weight of number `leaf`."""

    leaf: int
    equation: Equation
    weight: int  # which operand is the weight
    points: int  # rows of the activation

    def activation(self, operands: list[Array]) -> Float[Array, "points k"]:
        """The other operand, contracted axes last."""
        other = 1 - self.weight
        # dimension_numbers: ((contracted of lhs, of rhs), (batch of lhs, of rhs))
        axes = self.equation.params["dimension_numbers"][0][other]
        # (*free, *contracted) -> (points, k)
        return jnp.moveaxis(operands[other], axes, range(-len(axes), 0)).reshape(self.points, -1)

    def cotangents(self, rows: Float[Array, "c *z"]) -> Float[Array, "c points m"]:
        """Cotangents of the result, the weight's free axes last."""
        # z has the free axes of the lhs first: (c, points, m), or (c, m, points)
        if self.weight == 1:
            return rows.reshape(rows.shape[0], self.points, -1)
        return rows.reshape(rows.shape[0], -1, self.points).swapaxes(1, 2)


class Structure(NamedTuple):
    """A program with the products whose weights have outer products as Jacobians."""

    program: Program
    products: tuple[WeightProduct, ...]
    kept: dict[int, int]  # equations, by identity, that move or scale this operand

    @classmethod
    def of(cls, f: Output, leaves: Leaves, x: PyTree) -> "Structure":
        """The structure of f(leaves, x)."""
        program = program_of(f, leaves, x)
        return cls(program, *_find(program.jaxpr, len(leaves)))

    @property
    def points(self) -> int:
        """The most rows that an activation has."""
        return max((product.points for product in self.products), default=1)

    def factors(
        self, leaves: Leaves, x: PyTree, rows: Float[Array, "c o"]
    ) -> tuple[tuple[Array, ...], tuple[Outer, ...]]:
        """These rows of the Jacobian: plain arrays, and outer products."""
        numbers = {product.leaf for product in self.products}
        plain = tuple(leaf for i, leaf in enumerate(leaves) if i not in numbers)
        # z = a W + shift: the gradient by the shift is delta = dy/dz
        shifts = tuple(
            jnp.zeros(p.equation.outvars[0].aval.shape, p.equation.outvars[0].aval.dtype)
            for p in self.products
        )

        def output(shifts, plain):
            rest = iter(plain)
            args = [leaf if i in numbers else next(rest) for i, leaf in enumerate(leaves)]
            return self._run([*args, *jax.tree.leaves(x)], shifts)

        _, pull, activations = jax.vjp(output, shifts, plain, has_aux=True)
        # cotangents: of shifts (c, *z), of plain leaves (c, *leaf)
        deltas, plain_rows = jax.vmap(pull)(rows)
        outer = zip(self.products, activations, deltas, strict=True)
        return plain_rows, tuple(Outer(a, p.cotangents(delta)) for p, a, delta in outer)

    def _run(self, args, shifts):
        """The output with each product shifted, and the activations times the weights' scales."""
        scales: dict[Var, Any] = {}
        activations: dict[int, Array] = {}
        places = {id(p.equation): i for i, p in enumerate(self.products)}

        def watch(equation, operands, results):
            if id(equation) in self.kept:
                # a (s W) = (s a) W: what scales a weight is given to its activation
                held = self.kept[id(equation)]
                scale = scales.get(equation.invars[held], 1.0)
                if equation.primitive.name == "mul":
                    scale = scale * operands[1 - held]
                elif equation.primitive.name == "div":
                    scale = scale / operands[1]
                scales[equation.outvars[0]] = scale
            elif id(equation) in places:
                i = places[id(equation)]
                scale = scales.get(equation.invars[self.products[i].weight], 1.0)
                activations[i] = self.products[i].activation(operands) * scale
                results = [results[0] + shifts[i]]
            return results

        (y,) = run(self.program.jaxpr, self.program.consts, args, watch)
        return y, tuple(activations[i] for i in range(len(self.products)))


def _find(program: Program, count: int) -> tuple[tuple[WeightProduct, ...], dict[int, int]]:
    """The products with one of the first `count` inputs that is used nowhere else."""
    origin = {v: leaf for leaf, v in enumerate(program.invars[:count])}
    uses, found, kept = Counter(), [], {}
    for equation in program.eqns:
        held = [i for i, v in enumerate(equation.invars) if isinstance(v, Var) and v in origin]
        if len(held) == 1 and _keeps(equation, held[0]):
            kept[id(equation)] = held[0]
            origin[equation.outvars[0]] = origin[equation.invars[held[0]]]
            continue
        uses.update(origin[equation.invars[i]] for i in held)
        if len(held) == 1 and equation.primitive.name == "dot_general":
            found.append(_product(origin[equation.invars[held[0]]], equation, held[0]))
    uses.update(origin[v] for v in program.outvars if isinstance(v, Var) and v in origin)
    return tuple(p for p in found if p is not None and uses[p.leaf] == 1), kept


def _keeps(equation: Equation, held: int) -> bool:
    """Whether the result has the operand's entries, moved or all scaled alike."""
    operand, result = equation.invars[held].aval, equation.outvars[0].aval
    if operand.size != result.size or operand.dtype != result.dtype:
        return False
    name = equation.primitive.name
    if name in ("mul", "div"):
        scalar = equation.invars[1 - held].aval.shape == ()
        return scalar and (name == "mul" or held == 0)
    return name in MOVES


def _product(leaf: int, equation: Equation, weight: int) -> WeightProduct | None:
    """The product, unless the plain Jacobian of its weight is cheaper to contract."""
    contract, batch = equation.params["dimension_numbers"]
    if batch[0]:
        return None
    other = equation.invars[1 - weight].aval
    # (points, k) x (k, m) -> (points, m)
    k = prod(other.shape[axis] for axis in contract[1 - weight])
    points = other.size // k
    m = equation.invars[weight].aval.size // k
    # kernels of outer products take points^2 (k + m) products, of plain gradients k m
    return WeightProduct(leaf, equation, weight, points) if points**2 * (k + m) < k * m else None
