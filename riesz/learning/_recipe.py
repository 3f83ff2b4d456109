"""The recipe: every default that decides how well a model becomes, of the library and the CLI."""

from dataclasses import asdict, dataclass, replace
from inspect import signature
from math import ceil, prod
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from riesz._core.text import write
from riesz.domains import (
    AbstractDiscretization,
    AbstractProductDomain,
    DisjointUnion,
    Grid,
    Point,
    Space,
)
from riesz.domains.internal import discretization_from_json, discretization_to_json
from riesz.errors import ModelError
from riesz.functions import AbstractSymmetry, PairsLike
from riesz.functions.internal import split_samples, subset
from riesz.learning._base import choose_base, fit_over, statistics
from riesz.learning._budget import Budget
from riesz.learning._check import check_pairs
from riesz.learning._fit import fit
from riesz.learning._fitted import Fitted
from riesz.learning._losses import RelativeLoss
from riesz.learning._settings import (
    BATCH_SIZE,
    H1,
    L2,
    LEARNING_RATE,
    STEPS,
    WEIGHT_DECAY,
    default_steps,
)
from riesz.learning._supervised import Supervised
from riesz.operators import (
    AbstractOperator,
    Assembled,
    Normalised,
    Regridded,
    Workload,
    ZeroDirichlet,
    parse,
)

# Nodes per axis, at least, of a grid for scattered inputs of operators that need no grid.
NODES = {1: 64, 2: 16, 3: 8}


@dataclass(frozen=True)
class Recipe:
    """An operator, and the settings of its fit.

    `riesz.recipe(data)` makes one for a data set; `replace` changes parts of it. All fields are
    JSON values.

    - `operator`: its text, such as `"FNO(modes=(12, 12), width=32)"`.
    - `latent`: the grid to which inputs are resampled once, where they come on scattered points
      or on another grid than the outputs.
    - `zero_boundary`: whether outputs vanish on the boundary.
    - `steps`, `time_budget`, `batch_size`, `learning_rate`, `weight_decay`: as in `riesz.fit`.
    - `l2`, `h1`: weights of the `RelativeLoss`.
    """

    operator: str
    latent: dict[str, Any] | None = None
    zero_boundary: bool = False
    steps: int | None = STEPS
    time_budget: float | None = None
    batch_size: int = BATCH_SIZE
    learning_rate: float = LEARNING_RATE
    weight_decay: float = WEIGHT_DECAY
    l2: float = L2
    h1: float = H1

    def to_json(self) -> dict[str, Any]:
        """All fields, from which `Recipe(**record)` makes it again."""
        return asdict(self)

    def replace(self, **changes: Any) -> "Recipe":
        """The recipe with other values of some fields."""
        return replace(self, **changes)

    @property
    def loss(self) -> RelativeLoss:
        """The loss; `riesz.fit` fills in the scale of the training data."""
        return RelativeLoss(self.l2, self.h1)

    def build(
        self, input_space: Space, output_space: Space, *, key: PRNGKeyArray
    ) -> AbstractOperator:
        """The operator with random weights."""
        operator: AbstractOperator = parse(self.operator, input_space, output_space, key=key)
        if self.zero_boundary:
            operator = ZeroDirichlet(operator)
        if self.latent is None:
            return operator
        grid = discretization_from_json(self.latent).whole
        assert grid is not None
        return Regridded(operator, grid)

    def fit(
        self,
        training: PairsLike,
        validation: PairsLike | float = 0.1,
        *,
        key: PRNGKeyArray,
        groups: Int[np.ndarray, " n"] | None = None,
        ordered: bool = False,
        base: bool | None = None,
        symmetries: tuple[AbstractSymmetry, ...] = (),
        **options: Any,
    ) -> Fitted:
        """Fit the operator, by default on top of the best baseline where that is a good one.

        The baseline is chosen by errors of samples that it was not fitted to. The network starts
        as it and learns what it leaves; the baseline itself is returned, fitted to the validation
        samples too, unless the network is surely better on these.

        **Arguments:**

        - `training`, `validation`: pairs; `validation` may be a fraction of `training`.
        - `groups`: a label per training pair; pairs of one label depend on each other.
        - `ordered`: whether the pairs are in the order of time, and validated by later ones.
        - `base`: True to train on top of a baseline, False to train the network on its own; by
          default the data decide. With `zero_boundary` it is trained on its own.
        - `symmetries`: of the problem, as in `riesz.objectives.Supervised`.
        - `options`: the other arguments of `riesz.fit`, such as `folder`.

        ```python
        fitted = riesz.recipe(training).fit(training, key=jax.random.key(0))
        ```
        """
        budget = Budget(options.get("time_budget", self.time_budget))
        keys = jax.random.split(key, 4)
        check_pairs(training, "Recipe.fit(training, validation)")
        if isinstance(validation, float | int):
            left, held = split_samples(len(training), validation, keys[0])
            groups = None if groups is None else groups[left]
            training, validation = subset(training, left), subset(training, held)
        first = training[:1]
        network, parts = self.build(first.input_space, first.output_space, key=keys[1]), first.parts
        budget.lap("to build the network")
        settings = {
            "steps": self.steps,
            "time_budget": self.time_budget,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "objective": Supervised(self.loss, symmetries),
        }
        settings |= {**options, "key": keys[2]}
        grid = network.grid if isinstance(network, Regridded) else None
        if isinstance(network, Regridded):
            training, validation = network.regrid(training), network.regrid(validation)
            network = network.inner
        if base is not False and not self.zero_boundary:
            scales = statistics(training)
            found = choose_base(
                training, validation, scales[1], key=keys[3], groups=groups, ordered=ordered
            )
            budget.lap("for baselines")
            fitted = fit_over(found, network, training, validation, scales, base, settings, budget)
        else:
            fitted = fit(network, training, validation=validation, **settings)
        model = fitted.model if grid is None else Regridded(fitted.model, grid)
        model = model if parts is None else Assembled(model, parts)
        return eqx.tree_at(lambda f: f.model, fitted, model)


def recipe(
    data: PairsLike,
    operator: str | None = None,
    *,
    steps: int | None = None,
    time_budget: float | None = None,
    zero_boundary: bool = False,
    invariant: bool = False,
    samples: int | None = None,
) -> Recipe:
    """The recipe for a data set: which operator, how large, and how it is trained.

    An FNO where inputs and outputs share a domain, a MIONet where functions are kept apart, else a
    DeepONet; on regions it is to be named.
    Its size grows with the number of samples and points, and shrinks until the time budget holds
    400 steps.

    **Arguments:**

    - `data`: training pairs; one of them is read.
    - `operator`: its text, such as `"FNO(width=64)"`. Sizes that it leaves out are chosen by the
      data, and so is normalisation.
    - `steps`, `time_budget`: what is decided already.
    - `zero_boundary`: whether all outputs vanish on the boundary.
    - `invariant`: whether the map commutes with translations, so that an FNO needs no coordinates.
    - `samples`: their number, where `data` holds only some of them.

    **Raises:** `ModelError` for a text that makes no operator, or none between the domains.

    ```python
    recipe = riesz.recipe(training, time_budget=120)
    fitted = recipe.fit(training, key=key)
    ```
    """
    first = data[:1]
    spaces = first.input_space, first.output_space
    if all(space.domain == Point() for space in spaces):
        raise ModelError(
            "numbers to numbers are no functions to functions",
            where="riesz.recipe(data)",
            expected="a function on the side of the inputs or of the outputs",
            found=f"{spaces[0]} to {spaces[1]}",
            repair="fit a process to them: riesz fit-process, or riesz.processes.GaussianProcess",
        )
    dim, same = spaces[0].domain.dim, spaces[0].domain == spaces[1].domain
    a, u = first.inputs.discretization, first.outputs.discretization
    shapes = first.inputs.values.shape[1:-1], first.outputs.values.shape[1:-1]
    count = len(data) if samples is None else samples
    text = operator or _default(*spaces)
    latent = _latent(a, u, shapes) if same else _grid_of_points(a, shapes[0], NODES[dim])
    shape = shapes[0] if latent is None else latent.shape
    task = Workload(count, dim, shape, invariant, time_budget)
    key = jax.random.key(0)
    made = eqx.filter_eval_shape(lambda: parse(text, *spaces, key=key, task=task))
    made, core = _bare(made), _innermost(made)
    if "key" not in signature(type(core)).parameters:
        raise ModelError(
            "this operator has nothing to train",
            where=f"riesz.recipe(data, {text!r})",
            expected="an operator with random weights, such as FNO(width=32) or DeepONet()",
            found=type(core).__name__,
            repair="baselines are fitted by riesz.baselines, and stand beside every trained model",
        )
    if not core.on_grids:
        latent = _grid_of_points(a, shapes[0], NODES[dim])
    if steps is None and time_budget is None:
        steps = default_steps(count)
    grid = None if latent is None else discretization_to_json(latent)
    return Recipe(write(made), grid, zero_boundary, steps, time_budget)


def _default(inputs: Space, outputs: Space) -> str:
    """The operator of a data set, by where its functions live."""
    domain = inputs.domain
    if any(isinstance(space.domain, DisjointUnion) for space in (inputs, outputs)):
        return "MIONet()"
    if isinstance(domain, AbstractProductDomain):
        return "FNO()" if domain == outputs.domain else "DeepONet()"
    raise ModelError(
        "on a region the operator is to be named, since its radius depends on the region",
        where="riesz.recipe(data, operator)",
        expected="an operator for meshes with its radius in the unit of the coordinates",
        found=f"no operator, and functions on a {domain}",
        repair='riesz.recipe(data, "GNO(radius=0.5)"), with about a quarter of the region\'s width',
    )


def _bare(operator: Any) -> Any:
    """The operator without `Normalised`: its statistics are those of the training data."""
    if isinstance(operator, Normalised):
        return _bare(operator.inner)
    if not hasattr(operator, "inner"):
        return operator
    return eqx.tree_at(lambda o: o.inner, operator, _bare(operator.inner))


def _innermost(operator: Any) -> Any:
    return _innermost(operator.inner) if hasattr(operator, "inner") else operator


def _latent(
    a: AbstractDiscretization, u: AbstractDiscretization, shapes: tuple[tuple[int, ...], ...]
) -> Grid | None:
    """The grid on which an FNO works, where that is not the inputs' own."""
    own, other = a.tensor, u.tensor
    if own is not None:
        return other if other is not None and other != own else None
    return other if other is not None else _grid_of_points(a, shapes[0], 16)


def _grid_of_points(on: AbstractDiscretization, shape: tuple[int, ...], least: int) -> Grid | None:
    """A uniform grid with about as many nodes as there are scattered points.

    None for grids, and on regions, which have none.
    """
    if on.tensor is not None or not isinstance(on.domain, AbstractProductDomain):
        return None
    dim = on.domain.dim
    # n^(1/d) nodes per axis, from `least` to 256
    return Grid(on.domain, min(max(ceil(prod(shape) ** (1 / dim)), least), 256))
