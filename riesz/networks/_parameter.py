"""What a layer declares about the arrays it trains."""

from dataclasses import dataclass, field
from typing import NamedTuple

from jaxtyping import Array, Float

from riesz.networks._weights import IID, AbstractWeights

Shape = tuple[int, ...]
Scalar = float | Float[Array, ""]


class Place(NamedTuple):
    """Where in a network a parameter stands, which decides how it scales with width and depth.

    `first`: its inputs are the network's inputs; `last`: its outputs are the network's outputs;
    `branch`: it lies on the branch of a `Residual`.
    """

    first: bool = True
    last: bool = True
    branch: bool = False


@dataclass(frozen=True)
class Parameter:
    """A declared array of weights or biases.

    Its entries, as they act in the network, have mean zero and variance std^2 / fan_in at the
    start. A bias has fan_in 1. How the variance is divided between the stored array and a
    constant factor is the choice of a scaling (`riesz.networks.AbstractNetwork.scaling`).
    """

    shape: Shape
    fan_in: int
    fan_out: int
    std: Scalar
    place: Place
    bias: bool = False
    weights: AbstractWeights = field(default_factory=IID)
