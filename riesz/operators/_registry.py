"""Names of operators, and building one from its description."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from riesz._core.parameters import Frozen
from riesz.domains import Grid, Space
from riesz.errors import ModelError
from riesz.operators._baselines import (
    NearestNeighbours,
    PCARidge,
    Persistence,
    PointwiseLinear,
    TrainingMean,
)
from riesz.operators._deeponet import DeepONet, PODTrunk
from riesz.operators._fno import FNO
from riesz.operators._operator import AbstractOperator
from riesz.operators._regridded import Regridded
from riesz.operators._residual import Residual
from riesz.operators._symmetrised import Symmetrised
from riesz.operators._wrappers import Normalised, ZeroDirichlet

WRAPPERS = {
    "Normalised": Normalised,
    "ZeroDirichlet": ZeroDirichlet,
    "Symmetrised": Symmetrised,
    "Residual": Residual,
    "Regridded": Regridded,
}
OPERATORS: dict[str, type[AbstractOperator]] = {"FNO": FNO, "DeepONet": DeepONet}
BASELINES = {
    kind.__name__: kind
    for kind in (TrainingMean, Persistence, PointwiseLinear, PCARidge, NearestNeighbours)
}


def build(description: dict[str, Any], input_space: Space, output_space: Space) -> AbstractOperator:
    """An operator with the structure that `describe` gave, and arbitrary weights.

    **Raises:** `ModelError` for an unknown name or arguments that do not fit it.
    """
    arguments = dict(description)
    name = arguments.pop("operator", None)
    known = {**WRAPPERS, **OPERATORS, **BASELINES}
    if name not in known:
        raise ModelError(
            "unknown operator in a model description",
            expected=", ".join(sorted(known)),
            found=repr(name),
            repair="load the model with the version of riesz that wrote it",
        )
    try:
        if name in WRAPPERS:
            inner = build(arguments.pop("inner"), input_space, output_space)
            if "base" in arguments:
                arguments["base"] = build(arguments["base"], input_space, output_space)
            return WRAPPERS[name](inner, **arguments)
        if name in BASELINES:
            return BASELINES[name].build(arguments, input_space, output_space)
        return _BUILDERS.get(name, _plain)(known[name], arguments, input_space, output_space)
    except (TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"the description of {name} does not fit this version of riesz",
            found=str(error),
            repair="load the model with the version of riesz that wrote it",
        ) from error


def _plain(kind, arguments, input_space, output_space):
    return kind(input_space, output_space, **arguments, key=jax.random.key(0))


def _deeponet(kind, arguments, input_space, output_space):
    pod, count = arguments.pop("pod"), arguments.pop("sensors")
    lower = np.asarray(input_space.domain.lower)
    sensors = np.broadcast_to(lower, (count, len(lower)))
    operator = _plain(kind, {**arguments, "sensors": sensors}, input_space, output_space)
    if pod is None:
        return operator
    grid = Grid(output_space.domain, pod["shape"], pod["nodes"])
    channels = output_space.channels
    modes = jnp.zeros((*grid.shape, arguments["basis"] * channels))
    trunk = PODTrunk(Frozen(modes), Frozen(jnp.zeros((*grid.shape, channels))), grid)
    return eqx.tree_at(lambda o: o.trunk, operator, trunk)


_BUILDERS = {"DeepONet": _deeponet}
