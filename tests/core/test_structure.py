"""Models as JSON and arrays: what has no place there is refused, and nothing is mistaken."""

import enum
import pkgutil
import subprocess
import sys
from collections import defaultdict
from importlib import import_module

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz._core.structure import from_json, to_json
from riesz.errors import ModelError


class Holder(eqx.Module):
    """Anything."""

    value: object


class Colour(enum.StrEnum):
    """A text that is more than a text."""

    RED = "red"


def again(value):
    record, arrays = to_json(Holder(value), "here")
    return from_json(record, {k: np.asarray(v) for k, v in arrays.items()}, "here", __name__).value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        float("inf"),
        "text",
        (1, (2.0, "x")),
        [1, None],
        {"a": (1,), "b": {"c": 2}},
        np.float64(0.5),
        np.arange(3),
        jax.nn.gelu,
        jnp.tanh,
    ],
    ids=lambda x: None,
)
def test_values_come_back_with_their_types(value):
    found = again(value)
    assert type(found) is type(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(found, value)
    else:
        assert found == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Colour.RED, "cannot be written"),
        (lambda x: x, "cannot be written"),
        (1j, "cannot be written"),
        ({1: 2}, "cannot be written"),
        ({"a.b": np.ones(2), "a": {"b": np.zeros(2)}}, "would have one name"),
        (np.array(["a"]), "of this type cannot be saved"),
    ],
    ids=lambda x: None,
)
def test_values_without_a_place_are_refused(value, text):
    with pytest.raises(ModelError, match=text):
        to_json(Holder(value), "here")


def classes(kind=eqx.Module):
    for below in kind.__subclasses__():
        yield below
        yield from classes(below)


def test_no_two_modules_of_a_package_have_one_name():
    for module in pkgutil.walk_packages(riesz.__path__, "riesz."):
        if not module.name.startswith(("riesz.cli", "riesz.__main__")):
            import_module(module.name)
    homes = defaultdict(set)
    for kind in classes():
        if kind.__module__.startswith("riesz."):
            homes[kind.__module__.split(".")[1], kind.__name__].add(kind.__module__)
    assert len(homes) > 150
    assert not {k: v for k, v in homes.items() if len(v) > 1}


@pytest.mark.long
def test_models_of_every_package_are_loaded_by_a_fresh_process(tmp_path):
    from riesz.testing import KERNEL_INSTANCES, OPERATOR_INSTANCES, PROCESS_INSTANCES

    models = [
        PROCESS_INSTANCES["LaplacePosterior"]().process,
        PROCESS_INSTANCES["TrainedNetwork"]().process,
        PROCESS_INSTANCES["DeepKernelPosterior"]().process,
        KERNEL_INSTANCES["Fourier features"]().kernel,
        OPERATOR_INSTANCES["FNO on top of PCA + ridge"]().operator,
    ]
    for number, model in enumerate(models):
        riesz.save(tmp_path / str(number), model)
    code = "import riesz, sys; [print(type(riesz.load(f)).__name__) for f in sys.argv[1:]]"
    folders = [str(tmp_path / str(n)) for n in range(len(models))]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [type(m).__name__ for m in models]
