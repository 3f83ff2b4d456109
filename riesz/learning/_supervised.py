"""The objective of an operator: a loss between its answers and the outputs of pairs."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray

from riesz.functions import AbstractSymmetry, Function, Pairs, PairsLike, take
from riesz.functions.internal import fixed_pairs, pieces, subset, with_slopes
from riesz.learning._check import Survey, check_operator, check_pairs, check_types, notes
from riesz.learning._losses import RelativeLoss, Scale, headline
from riesz.learning._objective import AbstractObjective, Task, average
from riesz.learning._samples import Stream, points
from riesz.learning._settings import H1, L2
from riesz.operators import Affine, Regridded, micro_map, normalised, training_scale
from riesz.operators.internal import starts_as_base

_SLOPES = 64  # training samples from which the typical size of slopes is taken

# loss(prediction, target): a scalar, or one and a dict of its parts
Loss = Callable[[Function, Function], Any]


class Supervised(AbstractObjective):
    """Mean over pairs (a, u) of l(G(a), u), for an operator G and a loss l.

    The operator is evaluated at the points of u. `riesz.fit` builds normalisation by the training
    data into it, unless it has one, and validates by the mean over channels of the root mean
    square of G(a) - u, relative to the deviation of the training outputs.

    **Arguments:**

    - `loss`: a function of prediction and target; `RelativeLoss(l2=1.0, h1=0.3)` when absent.
    - `symmetries`: of the problem; training pairs are moved by random elements. `riesz.fit` leaves
      out those that the grid of the data cannot represent.
    - `after`, `same`: scales of the training outputs, and whether outputs are sampled at the
      points of their inputs, which `riesz.fit` fills in.

    ```python
    fitted = riesz.fit(operator, pairs, Supervised(RelativeLoss(h1=0.0)), key=key)
    ```
    """

    loss: Loss
    symmetries: tuple[AbstractSymmetry, ...]
    after: Affine | None = None
    same: bool = eqx.field(static=True, default=False)

    def __init__(
        self,
        loss: Loss | None = None,
        symmetries: tuple[AbstractSymmetry, ...] = (),
        after: Affine | None = None,
        same: bool = False,
    ):
        self.loss = RelativeLoss(L2, H1) if loss is None else loss
        self.symmetries, self.after, self.same = symmetries, after, same

    def __call__(self, model: Any, batch: Pairs, key: PRNGKeyArray) -> Any:
        move = _random_motion(self.symmetries, key)

        def one(a: Function, u: Function) -> Any:
            # l(G(g a), g u), one random g for the batch
            a, u = move(a), move(u)
            return self.loss(model(a, None if self.same else u.discretization), u)

        if len(batch) == 1:  # a batch axis of one would cost XLA its flat products
            return one(take(batch.inputs, 0), take(batch.outputs, 0))
        return average(jax.vmap(one)(batch.inputs, batch.outputs))

    def check(self, model: Any, data: Any) -> None:
        check_types(model)
        if not isinstance(data, Stream):
            check_pairs(data, "riesz.fit(operator, data)")

    def prepare(self, task: Task, survey: Survey) -> Task:
        operator, training, held = task.model, task.training, task.held
        check_pairs(held, "riesz.fit(..., validation)")
        grid = operator.grid if isinstance(operator, Regridded) else None
        if isinstance(operator, Regridded):  # it has no parameters: once is enough
            training, held = _regridded(training, operator), operator.regrid(held)
            operator = operator.inner
        # a stream is known by the pairs that were drawn for validation
        known = held if isinstance(training, Stream) else training
        network = normalised(operator, known)
        check_operator(network, known[:1], survey.same)
        after = training_scale(network) or Affine.of(part.outputs for part in pieces(known))
        loss = scaled(self.loss, after, known)
        kept = tuple(g for g in self.symmetries if _fits(g, known))
        if not isinstance(training, Stream):
            training = fixed_pairs(training)
            if isinstance(loss, RelativeLoss) and loss.h1 > 0 and isinstance(training, Pairs):
                training = with_slopes(training)
        return Task(
            network,
            Supervised(loss, kept, after, survey.same),
            training,
            fixed_pairs(held),
            lambda best: best if grid is None else Regridded(best, grid),
            notes(after, survey, known[:1].output_space.names),
            starts_as_base(network),
        )

    def errors(self, model: Any, batch: Pairs, keys: Key[Array, " n"]) -> Float[Array, " n"]:
        after = self.after or Affine.identity(batch.outputs.channels)

        def one(pair: tuple[Function, Function]) -> Array:
            a, u = pair
            # mean_c rms(G(a) - u)_c / s_c
            return headline(model(a, None if self.same else u.discretization), u, after)

        return micro_map(one, (batch.inputs, batch.outputs), points(batch), len(batch))


def scaled(loss: Loss, after: Affine, pairs: PairsLike) -> Loss:
    """A `RelativeLoss` with the scale of the training outputs, unless it has one; else the loss."""
    if not isinstance(loss, RelativeLoss) or loss.scale is not None:
        return loss
    # 64 samples at most, evenly from all
    some = np.unique(np.linspace(0, len(pairs) - 1, _SLOPES).round().astype(int))
    return RelativeLoss(loss.l2, loss.h1, Scale.of(after, pieces(subset(pairs, some))))


def _regridded(data: Any, operator: Regridded) -> Any:
    if isinstance(data, Stream):
        return Stream(lambda key, n: operator.regrid(data.draw(key, n)))
    return operator.regrid(data)


def _fits(symmetry: AbstractSymmetry, pairs: PairsLike) -> bool:
    pairs = pairs[:1]
    grids = (pairs.inputs.discretization.whole, pairs.outputs.discretization.whole)
    return all(grid is not None and symmetry.fits(grid) for grid in grids)


def _random_motion(
    symmetries: tuple[AbstractSymmetry, ...], key: PRNGKeyArray
) -> Callable[[Function], Function]:
    elements = [g.draw(jax.random.fold_in(key, number)) for number, g in enumerate(symmetries)]

    def move(f: Function) -> Function:
        for g, element in zip(symmetries, elements, strict=True):
            f = g.apply(f, element)
        return f

    return move
