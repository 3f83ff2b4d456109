"""The verb `fit`."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from riesz._core.files import write_atomically
from riesz._core.parameters import trainable
from riesz.errors import RunError
from riesz.functions.internal import split_samples, subset
from riesz.learning._check import Survey, check_memory, survey
from riesz.learning._checkpoint import NAME
from riesz.learning._fitted import Fitted
from riesz.learning._objective import AbstractObjective, Given, Task
from riesz.learning._objectives import FlowMatching
from riesz.learning._run import Run
from riesz.learning._samples import Stream, count, samples_of
from riesz.learning._settings import Settings
from riesz.learning._step import adamw, make_trainer
from riesz.learning._supervised import Supervised
from riesz.operators import AbstractOperator
from riesz.processes import FlowProcess

if TYPE_CHECKING:
    from riesz.learning._recipe import Recipe

_HELD = 128  # samples of a stream by which it is validated


def fit(
    model: Any,
    data: Any = None,
    objective: Callable[[Any, Any, Any], Any] | None = None,
    recipe: "Recipe | None" = None,
    *,
    key: PRNGKeyArray,
    steps: int | None = None,
    time_budget: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    optimiser: optax.GradientTransformation | None = None,
    validation: Any = 0.1,
    patience: int | None = None,
    folder: str | Path | None = None,
    checkpoint_every: float = 30.0,
    progress: bool = True,
) -> Fitted:
    """Fit a model to data, or to an equation, by an objective.

    AdamW with warm-up and cosine decay over the steps or the time budget, whichever is given. The
    weights with the lowest validation error are kept. What is not given is as `riesz train` has
    it: ten steps per sample, between 300 and 2000, batches of 16, a learning rate of 6e-3 and a
    weight decay of 0.1, which is 0 where samples do not repeat.

    **Arguments:**

    - `model`: an operator, or any `equinox.Module` with trainable parameters.
    - `data`: n samples: `Pairs`, a batch of functions, arrays with n entries along their first
      axis, or an open data file (`riesz.open_pairs`), from which each batch is then read; a
      `riesz.Stream` of fresh samples; or None for an objective without data.
    - `objective`: one of `riesz.objectives`, or a function of (model, batch, key). When absent the
      model brings it by a method `default_objective()`; for operators it is `Supervised()`,
      for a `FlowProcess` it is `FlowMatching`.
    - `recipe`: gives the settings that are not given here.
    - `validation`: the fraction of the samples held out, or other samples. Of a stream 128
      samples are drawn.
    - `steps`: number of steps; with it the result is reproducible bit for bit.
    - `time_budget`: seconds, compilation included.
    - `learning_rate`: its peak. `optimiser`: an optax transformation instead of AdamW, of unit
      learning rate.
    - `patience`: stop after so many validations without a new best.
    - `folder`: checkpoints are written there every `checkpoint_every` seconds; the same call
      with the same folder resumes, and with `steps` ends with the same weights as without the
      interruption. A time budget counts the seconds of all calls. An objective whose own code
      or enclosed numbers changed is another fit; functions that it calls are not looked at.
    - `progress`: a bar on standard error, plain lines when that is not a terminal.

    **Raises:** `RunError` when the folder holds another fit, or arguments make no fit.

    ```python
    fitted = riesz.fit(operator, data, steps=2000, key=jax.random.key(0))
    fitted.model, fitted.validation_error
    ```
    """
    start = time.monotonic()
    chosen = _objective(model, objective, recipe)
    chosen.check(model, data)
    split_key, step_key = jax.random.split(key)
    training, held = _parts(samples_of(data, "riesz.fit(model, data)"), validation, split_key)
    n = count(training)
    given = {"steps": steps, "time_budget": time_budget, "batch_size": batch_size}
    _check_arguments(steps, time_budget, batch_size, n, count(held))
    given |= {"learning_rate": learning_rate, "weight_decay": weight_decay}
    settings = Settings.of(given, recipe, n)
    found = Survey() if n is None else survey(training, "training")
    held_found = Survey() if held is None else survey(held, "validation")
    both = Survey(found.digest, found.same and held_found.same, found.flat)
    task = chosen.prepare(Task(model, chosen, training, held), both)
    _check_model(task.model, task.held, settings.batch_size)
    transform = optimiser or adamw(settings.weight_decay)
    trainer = make_trainer(task.model, task.objective, transform, settings.learning_rate)
    validation_key = jax.random.fold_in(split_key, 1)
    run = Run(trainer, settings, patience, start, validation_key, task.cautious)
    if folder is not None:
        content = {"training": found.digest, "validation": held_found.digest}
        identity = _identity(task, settings, {**content, "patience": patience}, key)
        Path(folder).mkdir(parents=True, exist_ok=True)
        _claim(Path(folder) / "fit.json", identity)
        run.attach(Path(folder), checkpoint_every)
    run.go(task.training, task.held, settings.batch_size, step_key, progress)
    best = task.restore(trainer.assemble(run.keep()))
    history = tuple(run.history)
    return Fitted(best, run.status, history, run.step, run.seconds(), run.kept, task.notes)


def _objective(model: Any, given: Any, recipe: "Recipe | None") -> AbstractObjective:
    """The objective that is given, that of the model, or that of operators."""
    if given is None and not isinstance(model, type) and hasattr(model, "default_objective"):
        given = model.default_objective()
    if given is None and isinstance(model, FlowProcess):
        return FlowMatching(model.noise)
    if given is None and isinstance(model, AbstractOperator):
        return Supervised(None if recipe is None else recipe.loss)
    if given is None or not callable(given):
        kind = model.__name__ if isinstance(model, type) else type(model).__name__
        raise RunError(
            "a fit needs an objective, or an operator, whose objective is known",
            where="riesz.fit(model, data, objective)",
            expected="a function of (model, batch, key), or one of riesz.objectives",
            found=f"the class {kind}" if isinstance(model, type) else f"a {kind} and {given!r}",
            repair="build the operator with its spaces and a key first"
            if isinstance(model, type)
            else "give an objective, such as riesz.objectives.Likelihood()",
        )
    return given if isinstance(given, AbstractObjective) else Given(given)


def _parts(data: Any, validation: Any, key: PRNGKeyArray) -> tuple[Any, Any]:
    """Samples to train on and samples to validate by."""
    if data is None:
        return None, None
    if not isinstance(validation, float | int):
        return data, samples_of(validation, "riesz.fit(..., validation)")
    if isinstance(data, Stream):
        drawn = data.draw(jax.random.fold_in(key, 2), _HELD)
        return data, samples_of(drawn, "riesz.fit(model, Stream(draw)): draw(key, n)")
    training, held = split_samples(len(data), validation, key)
    return subset(data, training), subset(data, held)


def _check_model(model: Any, held: Any, batch_size: int) -> None:
    if not jax.tree.leaves(eqx.filter(model, trainable(model))):
        raise RunError(
            "the model has no parameters to train",
            where="riesz.fit(model, data)",
            expected="an equinox.Module with inexact arrays that are not frozen",
            found=f"a {type(model).__name__}",
            repair="hold the numbers to be fitted as jax arrays",
        )
    check_memory(model, None if held is None else held[:1], batch_size)


def _check_arguments(steps, budget, batch_size, training, held) -> None:
    if training == 0 or held == 0:
        raise RunError(
            "a fit needs samples to train on, and others to validate",
            where="riesz.fit(model, data, validation)",
            expected="at least one of each",
            found=f"{training} for training, {held} for validation",
            repair="give data with samples; validation=0.1 holds a tenth of them out",
        )
    positive = (x is None or x > 0 for x in (steps, budget, batch_size))
    if not all(positive):
        raise RunError(
            "a fit needs at least one step, a positive time budget and a positive batch size",
            where="riesz.fit",
            found=f"steps={steps}, time_budget={budget}, batch_size={batch_size}",
        )


def _identity(
    task: Task, settings: Settings, content: dict[str, Any], key: PRNGKeyArray
) -> dict[str, Any]:
    """What makes a fit another one: not the time budget, which may be raised."""
    arrays, functions = sha256(), sha256()
    for leaf in jax.tree.leaves((task.model, task.objective)):
        if eqx.is_array(leaf):
            arrays.update(np.ascontiguousarray(leaf).tobytes())
        elif callable(leaf):
            functions.update(_code(leaf))
    functions.update(_methods(task.objective))
    return {
        "model": eqx.tree_pformat(task.model),
        "objective": eqx.tree_pformat(task.objective),
        "functions": functions.hexdigest(),
        "start": arrays.hexdigest(),
        **content,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        **settings._replace(time_budget=None)._asdict(),
    }


def _methods(objective: AbstractObjective) -> bytes:
    """The code of an objective's class, where it is not of riesz."""
    own = objective.function if isinstance(objective, Given) else objective
    if type(own).__module__.partition(".")[0] in ("riesz", "builtins"):
        return b""
    return b"".join(_code(getattr(type(own), name)) for name in sorted(vars(type(own))))


def _code(function: Any) -> bytes:
    """The code of a function, of those inside it, and the numbers and arrays that it encloses."""
    code = getattr(function, "__code__", function)
    if not isinstance(code, CodeType):
        return b""
    inside = [
        # the order of a set is another one in each process
        _code(c) or repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c).encode()
        for c in code.co_consts
    ]
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # a cell that is still empty
            for leaf in jax.tree.leaves(cell.cell_contents):
                plain = isinstance(leaf, int | float | str | bytes)
                inside.append(repr(leaf).encode() if plain else _code(leaf))
                if eqx.is_array(leaf):
                    inside.append(np.asarray(leaf).tobytes())
    return b"".join([code.co_code, repr(code.co_names).encode(), *inside])


def _claim(path: Path, identity: dict[str, Any]) -> None:
    """Write what the folder's fit is, or raise for a folder with a checkpoint of another one."""
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
