"""Tangent kernels of many inputs, by blocks of inputs and of rows of the Jacobian."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from riesz._core.blocks import blocked, blocks, largest, length
from riesz.kernels._empirical._contractions import AbstractContraction, Parts, activations
from riesz.kernels._empirical._model import Leaves, Output
from riesz.kernels._inputs import symmetric


class Plan(NamedTuple):
    """How many inputs, and how many rows of their Jacobians, are worked on at once."""

    samples: int
    rows: int
    outputs: int
    dtype: Any

    @classmethod
    def of(cls, contraction: AbstractContraction, parts: Parts, x: PyTree) -> "Plan":
        """The plan for a batch x. Inputs come first: each block makes the other parts anew."""
        output = jax.eval_shape(contraction.output, contraction.leaves, sample(x))
        samples = largest(length(x), lambda b: parts.floats(b, 1))
        rows = largest(output.size, lambda c: parts.floats(samples, c))
        return cls(samples, rows, output.size, output.dtype)

    def sum(self, part: Callable[[Float[Array, "c o"]], Array]) -> Array:
        """The sum of `part` over the rows of the identity."""
        if self.rows == self.outputs:
            return part(jnp.eye(self.outputs, dtype=self.dtype))
        # ceil(outputs / rows)
        count = -(-self.outputs // self.rows)

        def rows(start):  # those past the last are zero
            return jax.nn.one_hot(start + jnp.arange(self.rows), self.outputs, dtype=self.dtype)

        def add(total, start):
            return total + part(rows(start)), None

        starts = self.rows * jnp.arange(1, count)
        return jax.lax.scan(add, part(rows(0)), starts)[0]


def sample(x: PyTree) -> PyTree:
    """The shapes of one sample of a batch."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), x)


def parts_of(contraction: AbstractContraction, x: PyTree, y: PyTree) -> tuple[Parts, Parts]:
    """The parts for x and those for y, which are the same if their shapes are."""
    one, other = sample(x), sample(y)
    here = contraction.parts(one)
    return here, here if eqx.tree_equal(one, other) is True else contraction.parts(other)


def output_shape(f: Callable[[Leaves, Any], Array], leaves: Leaves, x: PyTree) -> tuple[int, ...]:
    """The shape of the output for each sample of a batch."""
    return jax.eval_shape(f, leaves, sample(x)).shape


def outer(
    inner: Callable[[Any, Any], Array],
    left: Callable[[Any], Any],
    right: Callable[[Any], Any],
    x: PyTree,
    y: PyTree,
    samples: int,
) -> Float[Array, "n m *out"]:
    """`inner(left(x_i), right(y_j))` for all pairs."""

    def rows(xs):
        lefts = jax.vmap(left)(xs)

        def columns(ys):
            rights = jax.vmap(right)(ys)
            # (ys, xs, *out)
            return jax.vmap(lambda b: jax.vmap(lambda a: inner(a, b))(lefts))(rights)

        # (ys, xs, *out) of all y -> (xs, m, *out)
        return jnp.swapaxes(blocked(columns, y, samples), 0, 1)

    return blocked(rows, x, samples)


@eqx.filter_jit
def gram(contraction: AbstractContraction, x: PyTree, y: PyTree | None) -> Float[Array, "n m"]:
    """The traces of the blocks of J(x) J(y)^T, or of J(x) J(x)^T."""
    if y is None:
        return symmetric(gram(contraction, x, x), diagonal(contraction, x))
    here, there = parts_of(contraction, x, y)
    plan = Plan.of(contraction, here, x)

    def part(rows):
        # sum_a e_a^T J(x_i) J(y_j)^T e_a over these rows e_a
        sides = (lambda a: here.left(a, rows)), (lambda b: there.right(b, rows))
        return outer(contraction.inner, *sides, x, y, plan.samples)

    return plan.sum(part)


@eqx.filter_jit
def diagonal(contraction: AbstractContraction, x: PyTree) -> Float[Array, " n"]:
    """The squared norms of J(x)."""
    parts = contraction.parts(sample(x))
    plan = Plan.of(contraction, parts, x)

    def part(rows):
        # sum_a |J(x_i)^T e_a|^2
        one = jax.vmap(lambda a: contraction.inner(parts.left(a, rows), parts.right(a, rows)))
        return blocked(one, x, plan.samples)

    return plan.sum(part)


@eqx.filter_jit
def full(contraction: AbstractContraction, x: PyTree, y: PyTree) -> Float[Array, "n m o q"]:
    """J(x) J(y)^T."""
    o, q = (jax.eval_shape(contraction.output, contraction.leaves, sample(z)) for z in (x, y))
    here, there = parts_of(contraction, x, y)

    def all_rows(part, output):
        # (o, 1, o): each row of the identity as a matrix of one row
        rows = jnp.eye(output.size, dtype=output.dtype)[:, None]
        return lambda a: jax.vmap(lambda row: part(a, row))(rows)

    def inner(lefts, rights):
        # (o, q): e_a^T J(x_i) J(y_j)^T e_b
        return jax.vmap(lambda a: jax.vmap(lambda b: contraction.inner(a, b))(rights))(lefts)

    samples = largest(length(x), lambda b: o.size * here.floats(b, q.size))
    return outer(inner, all_rows(here.left, o), all_rows(there.right, q), x, y, samples)


Rows = tuple[PyTree, Array]  # inputs, and a row for each


@eqx.filter_jit
def weighted(contraction: AbstractContraction, x: Rows, y: Rows | None) -> Float[Array, "n m"]:
    """e_i J(x_i) J(y_j)^T f_j for pairs x, e and y, f: one row of the Jacobian for each input."""
    if y is None:
        return symmetric(weighted(contraction, x, x), weighted_diagonal(contraction, x))
    here, there = parts_of(contraction, x[0], y[0])
    sides = (lambda pair: here.left(*pair)), (lambda pair: there.right(*pair))
    samples = largest(length(x), lambda b: here.floats(b, 1))
    return outer(contraction.inner, *sides, as_rows(x), as_rows(y), samples)


@eqx.filter_jit
def weighted_diagonal(contraction: AbstractContraction, x: Rows) -> Float[Array, " n"]:
    """The diagonal of `weighted`."""
    parts = contraction.parts(sample(x[0]))
    one = jax.vmap(lambda pair: contraction.inner(parts.left(*pair), parts.right(*pair)))
    return blocked(one, as_rows(x), largest(length(x), lambda b: parts.floats(b, 1)))


def as_rows(x: Rows) -> tuple[PyTree, Float[Array, "n 1 o"]]:
    """Each input with a matrix of one row."""
    return x[0], x[1][:, None]


@eqx.filter_jit
def matvec(
    f: Output, leaves: Leaves, x: PyTree, y: PyTree, v: Float[Array, "m o"]
) -> Float[Array, "n o"]:
    """J(x) sum_j J(y_j)^T v_j, by one pass back through y and one forward through x."""

    def many(p, xs):
        return jax.vmap(lambda one: f(p, one))(xs)

    def size(z):
        computed = activations(f, leaves, sample(z))
        return largest(length(z), lambda b: b * computed)

    def pull(total, block):
        # total + sum_j J(y_j)^T v_j, j in the block
        ys, vs = block
        _, back = jax.vjp(lambda p: many(p, ys), leaves)
        return jax.tree.map(jnp.add, total, back(vs)[0]), None

    ys, vs = blocks((y, v), size(y))
    # those that fill the last block count as zero
    real = jnp.arange(vs.shape[0] * vs.shape[1]).reshape(vs.shape[:2]) < length(y)
    vs = jnp.where(real[..., None], vs, 0)
    # J(y)^T v, leaves of the shape of the parameters
    direction, _ = jax.lax.scan(pull, jax.tree.map(jnp.zeros_like, leaves), (ys, vs))

    def push(xs):
        # J(x_i) direction
        return jax.jvp(lambda p: many(p, xs), (leaves,), (direction,))[1]

    return blocked(push, x, size(x))
