"""The average of an operator over a finite group of symmetries."""

from collections.abc import Sequence
from itertools import product

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains import AbstractDiscretization
from riesz.errors import DomainError, ModelError
from riesz.functions import AbstractSymmetry, Function, Reflection, Transposition
from riesz.operators._operator import AbstractOperator, require_input
from riesz.operators._registry import register
from riesz.operators._wrappers import AbstractWrapper


@register
class Symmetrised(AbstractWrapper):
    """a -> mean over g of g^-1 G(g a): commutes with every g, whatever the operator G.

    The group is that of all products of the given reflections and transpositions, 2^k of them
    for k symmetries, each an application of G. Averaging over the symmetries of a problem
    lowers the mean square error of any operator for inputs of a symmetric distribution (it removes
    the part of the error that is not symmetric; Elesedy and Zaidi 2021, arXiv 2102.10333).

    On a grid that a transposition does not map to itself that transposition is left out.

    **Raises:** `ModelError` for symmetries without a finite group.
    """

    inner: AbstractOperator
    symmetries: tuple[AbstractSymmetry, ...]

    def __init__(self, inner: AbstractOperator, symmetries: Sequence[AbstractSymmetry]):
        self.inner, self.symmetries = inner, tuple(symmetries)

    def __check_init__(self):
        if not all(isinstance(g, Reflection | Transposition) for g in self.symmetries):
            raise ModelError(
                "an operator is averaged over reflections and transpositions",
                where="Symmetrised",
                found=", ".join(type(g).__name__ for g in self.symmetries),
                repair="an FNO with coordinates=False commutes with translations of a torus",
            )

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        require_input(self, a, on)
        grid = a.discretization.tensor
        if grid is None:
            raise DomainError(
                "symmetries act on functions given on grids",
                where="Symmetrised(a)",
                expected="a function on a Grid or MaskedGrid",
                found=f"a function on {type(a.discretization).__name__}",
                repair="resample it first, a.resample(Grid(a.domain, 64))",
            )
        group = [g for g in self.symmetries if g.fits(grid)]
        # {0, 1}^k, (2^k, k)
        elements = jnp.array(list(product((0.0, 1.0), repeat=len(group))), a.values.dtype)

        def conjugate(element: Float[Array, " k"]) -> Array:
            # g = g_k ... g_1: g a, then g^-1 u = g_1^-1 ... g_k^-1 u
            moved = a
            for g, e in zip(group, element, strict=True):
                moved = g.apply(moved, e)
            u = self.inner(moved, moved.discretization.grid)  # in holes, too
            for g, e in reversed(list(zip(group, element, strict=True))):
                u = g.undo(u, e)
            return u.values

        values = jax.lax.map(conjugate, elements).mean(0)
        out = Function(values, grid, self.output_space)
        return out.resample(a.discretization if on is None else on)
