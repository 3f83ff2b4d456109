"""The settings of a fit where none are given: of the library and of the command line."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from riesz.learning._recipe import Recipe

STEPS, FEWEST_STEPS, STEPS_PER_SAMPLE = 2000, 300, 10
BATCH_SIZE = 16
LEARNING_RATE = 6e-3
WEIGHT_DECAY = 0.1  # smaller values overfit in long fits on ~1000 pairs
L2, H1 = 1.0, 0.3  # weights of the relative loss


def default_steps(samples: int | None) -> int:
    """Ten steps per sample, between 300 and 2000; 2000 where samples do not repeat."""
    if samples is None:
        return STEPS
    return min(STEPS, max(FEWEST_STEPS, STEPS_PER_SAMPLE * samples))


class Settings(NamedTuple):
    """The settings of one fit."""

    steps: int | None
    time_budget: float | None
    batch_size: int
    learning_rate: float
    weight_decay: float

    @classmethod
    def of(cls, given: dict[str, Any], recipe: "Recipe | None", samples: int | None) -> "Settings":
        """What is given, and for each None the recipe's value, or without recipe the default.

        Weight decay is against overfitting, of which there is none where samples do not repeat.
        """
        defaults = {
            "steps": None,
            "time_budget": None,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "weight_decay": 0.0 if samples is None else WEIGHT_DECAY,
        }
        if recipe is not None:
            defaults = {name: getattr(recipe, name) for name in defaults}
        if given["steps"] is not None or given["time_budget"] is not None:
            defaults |= {"steps": None, "time_budget": None}
        found = cls(**{n: defaults[n] if x is None else x for n, x in given.items()})
        if found.steps is None and found.time_budget is None:
            found = found._replace(steps=default_steps(samples))
        return found._replace(batch_size=min(found.batch_size, samples or found.batch_size))
