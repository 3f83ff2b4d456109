"""What each scaling rule does to one array of weights or biases."""

from collections.abc import Sequence
from typing import NamedTuple

from riesz.networks._network import Shape
from riesz.networks._parameter import Parameter

RULES = ("standard", "ntk", "mup", "mup-depth")
FAMILIES = ("sgd", "adam")

_HEAD = ("layer", "kind", "shape", "init std", "multiplier", "lr SGD", "lr Adam")
_WIDEST = 32  # characters of a layer's description


class ParameterScaling(NamedTuple):
    """How one trained array is initialised, used and trained.

    It starts with entries of mean zero and standard deviation `init_std`, acts in the network
    multiplied by `multiplier`, and its learning rate is that of the optimiser times `sgd` or
    `adam`.
    """

    layer: str
    kind: str
    shape: Shape
    init_std: float
    multiplier: float
    sgd: float
    adam: float


def scale(rule: str, layer: str, own: Parameter, base: Parameter, depth: float) -> ParameterScaling:
    """The scaling of one parameter, given the same one in the base and the ratio of depths."""
    std = float(own.std) / own.fan_in**0.5
    # init std, multiplier, rates of SGD and of Adam
    numbers = {
        "standard": (std, 1.0, 1.0, 1.0),
        "ntk": (1.0, std, 1.0, 1.0),
        "mup": _mup(std, own, base, 1.0),
        "mup-depth": _mup(std, own, base, depth),
    }[rule]
    return ParameterScaling(layer, _kind(own), own.shape, *numbers)


def _mup(
    std: float, own: Parameter, base: Parameter, depth: float
) -> tuple[float, float, float, float]:
    """Table 3 of Yang et al. 2022 in ratios of fan sizes: a fan that does not grow has ratio 1.

    So weights of inputs and biases, whose fan_in is fixed, hidden weights and weights of outputs,
    whose fan_out is fixed, obey one rule; only the initial variance of outputs differs.
    """
    # m_in, m_out
    fan_in, fan_out = own.fan_in / base.fan_in, own.fan_out / base.fan_out
    # outputs: variance std^2 / (fan_in m_in)
    if own.place.last:
        std = std / fan_in**0.5
    # A branch acts multiplied by depth^(-1/2), so its gradients already have that factor.
    adam = depth**-0.5 if own.place.branch else 1.0
    # rates: m_out / m_in of SGD, 1 / m_in of Adam
    return std, 1.0, fan_out / fan_in, adam / fan_in


def unit(parameter: Parameter) -> Parameter:
    """The parameter in a network all of whose widths are one."""
    place = parameter.place
    return Parameter(
        parameter.shape,
        parameter.fan_in if place.first or parameter.bias else 1,
        parameter.fan_out if place.last else 1,
        parameter.std,
        place,
        parameter.bias,
    )


def _kind(parameter: Parameter) -> str:
    if parameter.bias:
        return "bias"
    if parameter.place.first:
        return "input"
    return "output" if parameter.place.last else "hidden"


def write_table(rows: Sequence[ParameterScaling]) -> str:
    """One line for each array, columns aligned."""
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    aligned = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in aligned)


def _cells(row: ParameterScaling) -> tuple[str, ...]:
    layer = row.layer if len(row.layer) <= _WIDEST else row.layer[: _WIDEST - 3] + "..."
    size = " x ".join(map(str, row.shape))
    return (layer, row.kind, size, *(f"{x:.4g}" for x in row[3:]))
