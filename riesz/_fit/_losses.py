"""Training losses, as integrals."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import RunError
from riesz.functions import Function


class RelativeLoss(eqx.Module):
    """l2 * |u - v| / |v| + h1 * |grad (u - v)| / |grad v|, norms in L2 by quadrature.

    The second term is the relative error in the H1 seminorm. A truth that vanishes (or, for
    h1 > 0, is constant) has no relative error; such members should be left out.
    """

    l2: float = eqx.field(static=True, default=1.0)
    h1: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        if min(self.l2, self.h1) < 0 or self.l2 + self.h1 == 0:
            raise RunError(
                "the weights of a loss must not be negative, nor both zero",
                where="RelativeLoss(l2, h1)",
                found=f"l2={self.l2}, h1={self.h1}",
                repair="RelativeLoss(l2=1.0, h1=0.3) is a good mixture for smooth outputs",
            )

    def __call__(self, prediction: Function, truth: Function) -> Float[Array, ""]:
        error = prediction - truth
        loss = jnp.zeros((), error.values.dtype)
        if self.l2:
            loss += self.l2 * error.norm("L2") / truth.norm("L2")
        if self.h1:
            loss += self.h1 * error.gradient().norm("L2") / truth.gradient().norm("L2")
        return loss
