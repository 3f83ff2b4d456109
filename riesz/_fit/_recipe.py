"""The recipe: every default that decides how well a model becomes, of the library and the CLI."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, prod
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from riesz._fit._base import choose_base, fit_over, statistics
from riesz._fit._budget import Budget
from riesz._fit._check import check_pairs
from riesz._fit._fit import fit
from riesz._fit._fitted import Fitted
from riesz._fit._losses import RelativeLoss
from riesz._fit._settings import (
    BATCH_SIZE,
    H1,
    L2,
    LEARNING_RATE,
    STEPS,
    WEIGHT_DECAY,
    default_steps,
)
from riesz._fit._supervised import Supervised
from riesz.domains import AbstractDiscretization, Grid, Space
from riesz.domains._json import grid_to_json
from riesz.errors import ModelError
from riesz.functions import AbstractSymmetry, PairsLike
from riesz.functions._pairs import split_samples, subset
from riesz.operators import FNO, AbstractOperator, DeepONet, Regridded, ZeroDirichlet

# FNO by the dimension of the domain: at most so many modes, and 3/8 of the points.
MODES = {1: 16, 2: 12, 3: 8}
# (samples below which it holds, width, layers, modes at most); then the sizes by dimension.
SMALL = ((100, 16, 2, 8), (300, 16, 2, 12), (800, 32, 3, 16))
WIDTH = {1: 64, 2: 32, 3: 32}
LAYERS = 4
SENSORS = {1: 64, 2: 16, 3: 8}
DEEPONET_BASIS, DEEPONET_WIDTH, DEEPONET_DEPTH = 64, 128, 2

# A time budget must hold so many steps; on a CPU a step takes about so many operations a second.
STEPS_IN_BUDGET, OPERATIONS = 400, 1e10
LEAST_WIDTH = 8


@dataclass(frozen=True)
class Recipe:
    """An operator's kind and sizes, and the settings of its fit.

    `riesz.recipe(data)` makes one for a data set; `replace` changes parts of it. All fields are
    JSON values.

    - `kind`: `"fno"`, or `"deeponet"` where inputs and outputs have different domains.
    - `sizes`: arguments of the operator's constructor.
    - `latent`: the grid to which inputs are resampled once, where they come on scattered points
      or on another grid than the outputs.
    - `zero_boundary`: whether outputs vanish on the boundary.
    - `steps`, `time_budget`, `batch_size`, `learning_rate`, `weight_decay`: as in `riesz.fit`.
    - `l2`, `h1`: weights of the `RelativeLoss`.
    """

    kind: str
    sizes: dict[str, Any]
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
        kind = {"fno": FNO, "deeponet": DeepONet}[self.kind]
        operator: AbstractOperator = kind(input_space, output_space, **self.sizes, key=key)
        if self.zero_boundary:
            operator = ZeroDirichlet(operator)
        return operator if self.latent is None else Regridded(operator, self.latent)

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
        network = self.build(training[:1].input_space, training[:1].output_space, key=keys[1])
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
        if grid is None:
            return fitted
        return eqx.tree_at(lambda f: f.model, fitted, Regridded(fitted.model, grid))


def recipe(
    data: PairsLike,
    *,
    kind: str | None = None,
    modes: int | Sequence[int] | None = None,
    width: int | None = None,
    layers: int | None = None,
    steps: int | None = None,
    time_budget: float | None = None,
    zero_boundary: bool = False,
    invariant: bool = False,
    samples: int | None = None,
) -> Recipe:
    """The recipe for a data set: which operator, how large, and how it is trained.

    An FNO where inputs and outputs share a domain, else a DeepONet. Its size grows with the number
    of samples and points, and shrinks until the time budget holds 400 steps.

    **Arguments:**

    - `data`: training pairs; one of them is read.
    - `kind`, `modes`, `width`, `layers`, `steps`, `time_budget`: what is decided already. For a
      DeepONet `modes` is the number of terms.
    - `zero_boundary`: whether all outputs vanish on the boundary.
    - `invariant`: whether the map commutes with translations, so that an FNO needs no coordinates.
    - `samples`: their number, where `data` holds only some of them.

    **Raises:** `ModelError` for a kind that does not exist or does not fit the domains.

    ```python
    recipe = riesz.recipe(training, time_budget=120)
    fitted = recipe.fit(training, key=key)
    ```
    """
    first = data[:1]
    source, target = first.input_space, first.output_space
    a, u = first.inputs.discretization, first.outputs.discretization
    shapes = first.inputs.values.shape[1:-1], first.outputs.values.shape[1:-1]
    same = source.domain == target.domain
    kind = kind or ("fno" if same else "deeponet")
    if kind not in ("fno", "deeponet") or (kind == "fno" and not same):
        raise ModelError(
            "this kind of operator cannot be trained on the data",
            where=f"riesz.recipe(data, kind={kind!r})",
            expected="fno or deeponet" if same else "deeponet, since the domains differ",
            found=f"inputs on {source.domain}, outputs on {target.domain}",
            repair="leave kind out",
        )
    count = len(data) if samples is None else samples
    if kind == "deeponet":
        sizes = _deeponet_sizes(count, source.domain.dim, modes, width, layers)
        latent = _grid_of_points(a, shapes[0], SENSORS[source.domain.dim])
    else:
        latent = _latent(a, u, shapes)
        shape = shapes[0] if latent is None else latent.shape
        sizes = _fno_sizes(count, shape, modes, width, layers, time_budget)
        sizes["coordinates"] = not invariant
    if steps is None and time_budget is None:
        steps = default_steps(count)
    grid = None if latent is None else grid_to_json(latent)
    return Recipe(kind, sizes, grid, zero_boundary, steps, time_budget)


def _latent(
    a: AbstractDiscretization, u: AbstractDiscretization, shapes: tuple[tuple[int, ...], ...]
) -> Grid | None:
    """The grid on which an FNO works, where that is not the inputs' own."""
    own, other = _unmasked(a), _unmasked(u)
    if own is not None:
        return other if other is not None and other != own else None
    return other if other is not None else _grid_of_points(a, shapes[0], 16)


def _unmasked(on: AbstractDiscretization) -> Grid | None:
    """The grid of a discretization; leaves of a batch are of no concern."""
    base = getattr(on, "base", on)
    return base if isinstance(base, Grid) else None


def _grid_of_points(on: AbstractDiscretization, shape: tuple[int, ...], least: int) -> Grid | None:
    """A uniform grid with about as many nodes as there are scattered points; None for grids."""
    if _unmasked(on) is not None:
        return None
    dim = on.domain.dim
    return Grid(on.domain, min(max(ceil(prod(shape) ** (1 / dim)), least), 256))


def _fno_sizes(
    samples: int,
    shape: tuple[int, ...],
    modes: int | Sequence[int] | None,
    width: int | None,
    layers: int | None,
    budget: float | None,
) -> dict[str, Any]:
    dim = len(shape)
    rows = (row[1:] for row in SMALL if samples < row[0])
    some_width, some_layers, most = next(rows, (WIDTH[dim], LAYERS, MODES[dim]))
    most = min(most, MODES[dim])
    carried = [max(1, min(most, 3 * n // 8)) for n in shape]
    if modes is not None:
        carried = [modes] * dim if isinstance(modes, int) else list(modes)
    sizes = {"modes": carried, "width": width or some_width, "layers": layers or some_layers}
    while budget is not None and STEPS_IN_BUDGET * _seconds(sizes, shape) > budget:
        if width is None and sizes["width"] > LEAST_WIDTH:
            sizes["width"] //= 2
        elif layers is None and sizes["layers"] > 1:
            sizes["layers"] -= 1
        else:
            break
    return sizes


def _seconds(sizes: dict[str, Any], shape: tuple[int, ...]) -> float:
    """About what a step takes on a CPU: transforms, mixing of modes and pointwise layers."""
    width, points = sizes["width"], prod(shape)
    transforms = 8 * points * width * sizes["modes"][-1]
    mixing = 8 * prod(2 * m + 1 for m in sizes["modes"]) * width**2
    pointwise = 10 * points * width**2
    forward = sizes["layers"] * (transforms + mixing + pointwise)
    return 3 * BATCH_SIZE * forward / OPERATIONS


def _deeponet_sizes(
    samples: int,
    dim: int,
    terms: int | Sequence[int] | None,
    width: int | None,
    depth: int | None,
) -> dict[str, Any]:
    few = samples < SMALL[1][0]
    basis = terms if isinstance(terms, int) else DEEPONET_BASIS // (2 if few else 1)
    return {
        "sensors": SENSORS[dim],
        "basis": basis,
        "width": width or DEEPONET_WIDTH // (2 if few else 1),
        "depth": depth or DEEPONET_DEPTH,
    }
