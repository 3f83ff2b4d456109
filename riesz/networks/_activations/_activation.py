"""The contract of an activation."""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.errors import ModelError
from riesz.networks._activations._pair import Duals, Numbers
from riesz.networks._covariances import Covariances
from riesz.networks._network import AbstractNetwork, Shape


class AbstractActivation(AbstractNetwork):
    """A function applied to each entry, with the expectations that make kernels.

    For (u, v) ~ N(0, [[q11, q12], [q12, q22]]), `duals` are E[phi(u) phi(v)] and
    E[phi'(u) phi'(v)].
    """

    reads_variances: ClassVar[bool] = True
    # Whether `duals` is a closed form.
    exact: eqx.AbstractClassVar[bool]
    # Whether E[phi'(u)^2] is finite, so that there is a tangent kernel.
    differentiable: eqx.AbstractVar[bool]

    @abstractmethod
    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """phi, entry by entry."""

    @abstractmethod
    def duals(self, q11: Numbers, q12: Numbers, q22: Numbers) -> Duals:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)], the arguments broadcast together.

        `duals(q, q, q)` is the exact value at u = v, and gradients are finite there.
        """

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return self(x)

    def propagate(self, inputs: Covariances) -> Covariances:
        if not inputs.gaussian:
            raise ModelError(
                f"{self} follows a layer whose outputs are not Gaussian",
                where="kernel of a network",
                expected="a layer with weights (Dense, Conv) before each activation",
                found=f"{self} directly after an activation, a product or a concatenation",
                repair="put a Dense or Conv between, or write two activations as one: "
                "Activation(lambda x: g(f(x)))",
            )
        if inputs.ntk is not None and not self.differentiable:
            raise ModelError(
                f"there is no tangent kernel: {self} has no square integrable derivative",
                where="ntk of a network",
                expected="an activation without jumps",
                found=str(self),
                repair="ask for nngp, or use a smooth activation such as Erf() with a large w_std "
                "before it",
            )
        # K' = E[phi(u) phi(v)], Theta' = E[phi'(u) phi'(v)] Theta
        nngp, slope = self.duals(inputs.variances()[0], inputs.nngp, inputs.variances()[1])
        outputs = replace(
            inputs,
            nngp=nngp,
            ntk=None if inputs.ntk is None else slope * inputs.ntk,
            xx=self._own(inputs, inputs.xx),
            yy=self._own(inputs, inputs.yy),
            gaussian=False,
            centred=False,
        )
        return outputs.computed_once()

    def _own(self, inputs: Covariances, k: Numbers) -> Numbers:
        # E[phi(u_a) phi(u_b)] at positions a and b of one input
        first, second = inputs.own_variances(k)
        return self.duals(first, k, second)[0]


class AbstractExactActivation(AbstractActivation):
    """A continuous activation with `duals` in closed form."""

    exact: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
