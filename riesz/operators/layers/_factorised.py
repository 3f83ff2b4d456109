"""Weights held as factors of low rank."""

from collections.abc import Callable, Sequence
from math import prod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.draws import split
from riesz._core.layers import random_weights
from riesz.errors import ModelError

FORMS = ("dense", "cp", "tucker", "train")


class Factorised(eqx.Module):
    """A tensor W of n axes, whole or in factors (Kossaifi et al. 2023, arXiv 2310.00120).

    - `"dense"`: W itself.
    - `"cp"`: W[i, j, ...] = sum_r A_r[i] B_r[j] ... .
    - `"tucker"`: W = G x_1 A x_2 B ... with a core G and a matrix for each axis.
    - `"train"`: W[i, j, ...] = A[i] B[j] ..., a product of matrices that differ by index (tensor
      train).

    **Arguments:**

    - `rank`: numbers kept, as a part of those of W: the largest ranks that need no more.
    - `deviation`: of the entries of W at the start, which are independent of the form.

    ```python
    weight = Factorised((25, 13, 32, 64), "tucker", 0.1, deviation=0.1, key=key)
    weight.tensor().shape
    ```
    """

    form: str = eqx.field(static=True)
    factors: tuple[Float[Array, "..."], ...]

    def __init__(
        self,
        shape: Sequence[int],
        form: str = "dense",
        rank: float = 1.0,
        *,
        deviation: float,
        key: PRNGKeyArray,
    ):
        if form not in FORMS or not 0 < rank <= 1:
            raise ModelError(
                "weights are held whole or in factors of low rank",
                where="Factorised(shape, form, rank)",
                expected=f"one of {', '.join(FORMS)}, and 0 < rank <= 1",
                found=f"form={form!r}, rank={rank}",
            )
        self.form = form
        shapes, terms = _shapes(tuple(shape), form, rank * prod(shape))
        # an entry is a sum of `terms` products of independent factors
        each = (deviation / terms**0.5) ** (1 / len(shapes))
        keys = split(key, len(shapes))
        self.factors = tuple(
            random_weights(k, s, each, 1) for k, s in zip(keys, shapes, strict=True)
        )

    def tensor(self) -> Float[Array, "..."]:
        """W, whole."""
        first, *others = self.factors
        if self.form == "cp":  # (i, r), (j, r), ...
            out = first
            for factor in others[:-1]:
                out = out[..., None, :] * factor
            return out @ others[-1].T if others else out.sum(-1)
        if self.form == "tucker":  # a core (r_1, ..., r_n), and (r_i, n_i)
            for axis, factor in enumerate(others):
                first = jnp.moveaxis(jnp.tensordot(first, factor, (axis, 0)), -1, axis)
            return first
        for factor in others:  # (r, i, s)
            first = jnp.tensordot(first, factor, 1)
        return first[0, ..., 0] if others else first


def _shapes(shape: tuple[int, ...], form: str, budget: float) -> tuple[list[tuple[int, ...]], int]:
    """The shapes of the factors within a budget of numbers, and how many products are summed."""
    n = len(shape)
    if form == "dense":
        return [shape], 1
    if form == "cp":
        r = _largest(lambda r: r * sum(shape), budget)
        return [(size, r) for size in shape], r
    if form == "tucker":

        def ranks(r: int) -> list[int]:
            return [max(1, round(size * r / max(shape))) for size in shape]

        def numbers(r: int) -> int:
            return prod(ranks(r)) + sum(a * b for a, b in zip(ranks(r), shape, strict=True))

        core = ranks(_largest(numbers, budget, max(shape)))
        return [tuple(core), *zip(core, shape, strict=True)], prod(core)
    # the rank at a cut is at most that of the matrix of all indices on either side
    most = [min(prod(shape[:i]), prod(shape[i:])) for i in range(n + 1)]

    def cores(r: int) -> list[tuple[int, ...]]:
        cuts = [min(r, m) for m in most]
        return list(zip(cuts[:-1], shape, cuts[1:], strict=True))

    r = _largest(lambda r: sum(map(prod, cores(r))), budget, max(most))
    return cores(r), prod(min(r, m) for m in most)


def _largest(numbers: Callable[[int], int], budget: float, most: int = 2**20) -> int:
    """The largest rank, from 1 on, that needs at most so many numbers."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if numbers(middle) <= budget else (low, middle - 1)
    return low
