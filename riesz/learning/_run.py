"""The loop of a fit: steps, validations, checkpoints."""

import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from riesz._core.blocks import length
from riesz._core.progress import Progress, say
from riesz._core.waiting import Watch, settle
from riesz.errors import RunError
from riesz.functions.internal import chunks
from riesz.learning._checkpoint import read_checkpoint, write_checkpoint
from riesz.learning._fitted import Record, Status
from riesz.learning._interrupt import DeferredInterrupt
from riesz.learning._losses import surely_less
from riesz.learning._samples import count, make_batches
from riesz.learning._settings import Settings
from riesz.learning._step import Trainer

_WORTH = 0.02  # the least part of its error by which a base must be improved
_VALIDATED = 512  # samples of a compiled validation
_EVERY = 25  # steps between validations, at least
_DRAWN = 8  # keys of a validation without data


class Run:
    """The state of a fit between steps, and its loop."""

    def __init__(
        self,
        trainer: Trainer,
        settings: Settings,
        patience: int | None,
        start: float,
        key: PRNGKeyArray,
        cautious: bool = False,
    ):
        self.key = key  # of the validation: one per sample, the same in each
        self.trainer, self.patience = trainer, patience
        self.steps, self.budget = settings.steps, settings.time_budget
        self.state = trainer.initial
        # best so far are the first weights, copied because the step overwrites its argument
        self.best = jax.tree.map(jnp.copy, trainer.initial.parameters)
        self.first = jax.tree.map(jnp.copy, self.best) if cautious else None
        self.first_errors: list[float] = []  # of each validation sample, before the first step
        self.best_errors: list[float] = []
        self.kept = 0  # the step of the best weights
        self.history: list[Record] = []
        self.losses: list[Any] = []  # since the last validation
        self.step, self.spent, self.start = 0, 0.0, start
        self.ended, self.interrupted = "", False  # `ended` is the name of a status
        self.folder: Path | None = None
        self.saved, self.every = time.monotonic(), 30.0
        self.compiled: tuple[int, float] | None = None  # step and time after the first one
        self.stepping, self.validating = Watch("a step of the fit"), Watch("the validation")

    def seconds(self) -> float:
        """Time spent on the fit, earlier parts included."""
        return self.spent + time.monotonic() - self.start

    def fraction(self) -> float:
        """How much of the steps, or of the time, is done."""
        # the larger of the two parts that are done
        by_steps = self.step / self.steps if self.steps else 0.0
        by_time = self.seconds() / self.budget if self.budget else 0.0
        return min(1.0, max(by_steps, by_time))

    def note(self) -> str:
        """Where the fit stands, to be shown: step, last errors and steps a second."""
        now = time.monotonic()
        since, begun = self.compiled = self.compiled or (self.step, now)
        text = f"step {self.step}"
        if self.history:
            last = self.history[-1]
            text += f"  loss {last.loss:.4f}  validation {last.validation:.4f}"
            text += "".join(f"  {name} {value:.4f}" for name, value in last.parts)
        speed = f"  {(self.step - since) / (now - begun):.1f} steps/s" if now > begun else ""
        return text + speed

    def attach(self, folder: Path, every: float) -> None:
        """Write checkpoints to a folder; go on from the one that is there."""
        self.folder, self.every = folder, every
        found = read_checkpoint(folder, (self.state, self.best))
        if found is not None:
            (self.state, self.best), record = found
            self.step, self.spent, self.losses = record["step"], record["seconds"], record["losses"]
            self.history = [
                Record(*line, parts=tuple((name, value) for name, value in parts))
                for *line, parts in record["history"]
            ]
            self.ended, self.kept = record["ended"], record["kept"]
            self.first_errors, self.best_errors = record["first_errors"], record["best_errors"]

    def save(self) -> None:
        """Write a checkpoint, unless the weights are already spoilt."""
        if self.folder is None:
            return
        self.saved = time.monotonic()
        losses = jax.tree.map(float, self.stepping(self.losses))
        if np.isfinite([loss for loss, _ in losses]).all():
            record = {"step": self.step, "seconds": self.seconds(), "history": self.history}
            record |= {"losses": losses, "ended": self.ended, "kept": self.kept}
            record |= {"first_errors": self.first_errors, "best_errors": self.best_errors}
            write_checkpoint(self.folder, (self.state, self.best), record)

    def go(self, training: Any, held: Any, batch_size: int, key: PRNGKeyArray, show: bool) -> None:
        """Take steps until the fit ends; `status` says how."""
        # steps of an epoch
        every = max((count(training) or 0) // batch_size, _EVERY)
        batches = make_batches(training, batch_size, key, self.step)
        try:
            with DeferredInterrupt(show) as interrupt, Progress(show, "fit", 1.0) as shown:
                shown.begin("compiling")
                if not self.first_errors:
                    self.first_errors = self.best_errors = self.errors(held)
                    _require_finite(self.first_errors)
                while not self.ended and self.fraction() < 1 and not interrupt.asked:
                    step_key = jax.random.fold_in(key, self.step)
                    done = np.float32(self.fraction())
                    self.state, loss = self.trainer.step(self.state, next(batches), step_key, done)
                    self.step += 1
                    self.losses.append(loss)
                    self.stepping(self.losses[-2:-1])  # at most two steps are under way
                    if self.step % every == 0:
                        self.validate(held)
                    if self.folder and time.monotonic() - self.saved > self.every:
                        self.save()
                    shown.update(self.fraction(), self.note())
                self.interrupted = interrupt.asked and not self.ended
                self.finish(held)
        except KeyboardInterrupt:
            settle((self.state, self.losses))
            raise
        if show:
            say(f"{self.status.name}: {self.status} ({self.step} steps, {self.seconds():.1f} s)")

    def finish(self, held: Any) -> None:
        """The last validation, unless it was interrupted, and the last checkpoint."""
        if not self.ended and not self.interrupted:
            if self.losses:
                self.validate(held)
            done = self.steps and self.step >= self.steps
            self.ended = self.ended or (Status.finished if done else Status.time_spent).name
        if self.ended != Status.diverged.name:
            self.save()

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return Status.interrupted if self.interrupted else Status[self.ended]

    def errors(self, held: Any) -> list[float]:
        """The validation error of each sample with the present weights."""
        parts, start = [], 0
        for batch, n in [(None, _DRAWN)] if held is None else chunks(held, _VALIDATED):
            size = n if batch is None else length(batch)
            keys = jax.vmap(lambda i: jax.random.fold_in(self.key, i))(start + jnp.arange(size))
            found = self.validating(self.trainer.validate(self.state.parameters, batch, keys))
            parts.append(np.asarray(found)[:n])
            start += n
        return np.concatenate(parts).astype(float).tolist()

    def validate(self, held: Any) -> None:
        """Record the errors, keep the best weights, and see whether the fit has ended."""
        found, self.losses = jax.tree.map(float, self.stepping(self.losses)), []
        # means since the last validation, and errors (n_validation,)
        loss, errors = float(np.mean([value for value, _ in found])), self.errors(held)
        parts = tuple((n, float(np.mean([p[n] for _, p in found]))) for n in found[0][1])
        error = float(np.mean(errors))
        if not self.history:  # the loss of the first step is that of the first weights
            value, first = found[0]
            start = float(np.mean(self.first_errors))
            # step 0: the loss of the first batch, the validation error of the first weights
            self.history.append(Record(0, 0.0, value, start, tuple(first.items())))
        if not np.isfinite(loss) or not np.isfinite(error):
            self.ended = Status.diverged.name
            return
        # lower than all before, that of the first weights included
        if error < min(r.validation for r in self.history):
            self.best = jax.tree.map(jnp.copy, self.state.parameters)
            self.best_errors, self.kept = errors, self.step
        self.history.append(Record(self.step, self.seconds(), loss, error, parts))
        past = [r.validation for r in self.history]
        if self.patience and len(past) - 1 - int(np.argmin(past)) >= self.patience:
            self.ended = Status.stopped_early.name

    def keep(self) -> Any:
        """The best weights; a cautious fit keeps the first ones unless the best are surely better.

        The mean of the differences of errors over the validation samples must exceed twice its
        standard error, and 2 % of the first ones, so that with few samples luck does not replace
        an answer that is good.
        """
        if self.first is not None and not surely_less(self.best_errors, self.first_errors, _WORTH):
            self.kept = 0
            return self.first
        return self.best


def _require_finite(errors: list[float]) -> None:
    bad = np.flatnonzero(~np.isfinite(errors))
    if len(bad):
        raise RunError(
            "the model gives NaN or infinite values before the first step",
            where=f"riesz.fit: validation sample {bad[0]}",
            expected="finite values",
            found=f"{len(bad)} of {len(errors)} samples without a finite error",
            repair="check the model on this sample: operator(a, on=u.discretization), or "
            "objective(model, batch, key)",
        )
