"""The verb `fit`."""

import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from riesz._core.files import write_atomically
from riesz._core.text import write
from riesz._fit._check import (
    check_fit,
    check_pairs,
    check_types,
    notes,
    survey,
)
from riesz._fit._checkpoint import NAME
from riesz._fit._fitted import Fitted
from riesz._fit._losses import RelativeLoss, Scale
from riesz._fit._run import Run
from riesz._fit._step import adamw, make_trainer
from riesz.domains import Grid
from riesz.errors import RunError
from riesz.functions import AbstractSymmetry, Function, PairsLike
from riesz.functions._pairs import pieces, split_samples, subset
from riesz.operators import AbstractOperator, Affine, Regridded, normalised, training_scale
from riesz.operators._residual import starts_as_base

_SLOPES = 64  # training samples from which the typical size of slopes is taken


def fit(
    operator: AbstractOperator,
    data: PairsLike,
    *,
    key: PRNGKeyArray,
    steps: int | None = None,
    time_budget: float | None = None,
    batch_size: int = 16,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-4,
    optimiser: optax.GradientTransformation | None = None,
    loss: Callable[[Function, Function], Array] | None = None,
    symmetries: tuple[AbstractSymmetry, ...] = (),
    validation: float | PairsLike = 0.1,
    patience: int | None = None,
    folder: str | Path | None = None,
    checkpoint_every: float = 30.0,
    progress: bool = True,
) -> Fitted:
    """Fit an operator to pairs of functions.

    AdamW with warm-up and cosine decay over the steps or the time budget, whichever is given
    (1000 steps when neither is). The weights with the lowest validation error are kept.

    **Arguments:**

    - `operator`: normalisation by the training data is built in unless it has one already.
    - `data`: n pairs, in memory or in an open data file (`riesz.open_pairs`), from which each
      batch is then read. `validation`: the fraction of them held out, or other pairs.
    - `steps`: number of steps; with it the result is reproducible bit for bit.
    - `time_budget`: seconds, compilation included.
    - `learning_rate`: its peak. `optimiser`: an optax transformation instead of AdamW, of unit
      learning rate.
    - `loss`: a function of prediction and target; `RelativeLoss(l2=1.0, h1=0.0)` when absent.
    - `symmetries`: of the problem; training pairs are moved by random elements. Those that the
      data's grid cannot represent are left out.
    - `patience`: stop after so many validations without a new best.
    - `folder`: checkpoints are written there every `checkpoint_every` seconds; the same call
      with the same folder resumes, and with `steps` ends with the same weights as without the
      interruption. A time budget counts the seconds of all calls.
    - `progress`: a bar on standard error, plain lines when that is not a terminal.

    **Raises:** `RunError` when the folder holds another fit, or arguments make no fit.

    ```python
    fitted = riesz.fit(operator, data, steps=2000, key=jax.random.key(0))
    fitted.operator, fitted.validation_error
    ```
    """
    start = time.monotonic()
    check_types(operator, data)
    split_key, step_key = jax.random.split(key)
    if isinstance(validation, float | int):
        parts = split_samples(len(data), validation, split_key)
        training, held = (subset(data, part) for part in parts)
    else:
        check_pairs(validation, "riesz.fit(..., validation)")
        training, held = data, validation
    if steps is None and time_budget is None:
        steps = 1000
    _check_arguments(steps, time_budget, batch_size, len(training), len(held))
    batch_size = min(batch_size, len(training))
    found, held_found = survey(training, "training"), survey(held, "validation")
    same = found.same and held_found.same
    regridded = operator if isinstance(operator, Regridded) else None
    if regridded is not None:  # the resampling has no parameters: once is enough
        operator = regridded.inner
        training, held = regridded.regrid(training), regridded.regrid(held)
    network = normalised(operator, training)
    check_fit(network, training[:1], same, batch_size)
    after = training_scale(network) or Affine.of(part.outputs for part in pieces(training))
    loss = loss or RelativeLoss()
    if isinstance(loss, RelativeLoss) and loss.scale is None:
        some = np.unique(np.linspace(0, len(training) - 1, _SLOPES).round().astype(int))
        loss = RelativeLoss(loss.l2, loss.h1, Scale.of(after, pieces(subset(training, some))))
    kept = tuple(g for g in symmetries if _fits(g, training))
    transform = optimiser or adamw(weight_decay)
    trainer = make_trainer(network, loss, transform, learning_rate, kept, after, same)
    run = Run(trainer, steps, time_budget, patience, start, cautious=starts_as_base(network))
    if folder is not None:
        identity = _identity(
            network,
            {"training": found.digest, "validation": held_found.digest},
            key,
            steps,
            batch_size,
            repr((learning_rate, weight_decay, loss, kept, patience)),
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        _claim(Path(folder) / "fit.json", identity)
        run.attach(Path(folder), checkpoint_every)
    run.go(training, held, batch_size, step_key, progress)
    best = trainer.assemble(run.keep())
    if regridded is not None:
        best = Regridded(best, regridded.grid)
    remarks = notes(after, found, training[:1].output_space.names)
    return Fitted(best, run.status, tuple(run.history), run.step, run.seconds(), run.kept, remarks)


def _fits(symmetry: AbstractSymmetry, pairs: PairsLike) -> bool:
    pairs = pairs[:1]
    grids = (pairs.inputs.discretization, pairs.outputs.discretization)
    return all(isinstance(grid, Grid) and symmetry.fits(grid) for grid in grids)


def _check_arguments(steps, budget, batch_size, training, held) -> None:
    if min(training, held) < 1:
        raise RunError(
            "a fit needs pairs to train on, and others to validate",
            where="riesz.fit(operator, data, validation)",
            expected="at least one of each",
            found=f"{training} for training, {held} for validation",
            repair="give data with samples; validation=0.1 holds a tenth of them out",
        )
    if (steps is not None and steps < 1) or (budget is not None and budget <= 0) or batch_size < 1:
        raise RunError(
            "a fit needs at least one step, a positive time budget and a positive batch size",
            where="riesz.fit",
            found=f"steps={steps}, time_budget={budget}, batch_size={batch_size}",
        )


def _identity(network, content, key, steps, batch_size, settings) -> dict[str, Any]:
    weights = sha256()
    for leaf in jax.tree.leaves(network):
        weights.update(np.ascontiguousarray(leaf).tobytes())
    return {
        "operator": write(network),
        "start": weights.hexdigest(),
        **content,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "steps": steps,
        "batch_size": batch_size,
        "settings": settings,
    }


def _claim(path: Path, identity: dict[str, Any]) -> None:
    """Write what the folder's fit is, or refuse a folder with a checkpoint of another one."""
    if not path.exists() or not (path.parent / NAME).exists():
        write_atomically(path, json.dumps(identity, indent=1).encode())
        return
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = {}
    wanted = json.loads(json.dumps(identity))
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        name = different[0]
        raise RunError(
            "the folder holds another fit",
            where=str(path.parent),
            expected=f"{name} = {wanted[name]}",
            found=f"{name} = {found.get(name)}",
            repair="choose another folder, or delete this one",
        )
