"""What load and save refuse, with the text of the refusal."""

import hashlib
import json
import os
import struct
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

import riesz
from riesz.domains import Space, Torus
from riesz.errors import ModelError
from riesz.io._folder import seal
from riesz.operators import FNO, AbstractOperator

SPACE = Space(Torus(0.0, 1.0))


def fno(width=4):
    return FNO(SPACE, SPACE, modes=3, width=width, layers=1, key=jax.random.key(0))


@pytest.fixture
def model(tmp_path):
    riesz.save(tmp_path / "model", fno(), card={"seed": 1})
    return tmp_path / "model"


def refusal(folder):
    with pytest.raises(ModelError) as caught:
        riesz.load(folder)
    error = caught.value
    assert error.where and error.expected and error.found and error.repair, error
    return str(error)


def forge(model, weights=None, **changes):
    """A folder whose hashes all fit, with other content: made by hand, not by accident."""
    record = json.loads((model / "model.json").read_text())
    del record["sha256"]
    if weights is not None:
        (model / "weights.safetensors").write_bytes(weights)
        digest = hashlib.sha256(weights).hexdigest()
        record["weights"] |= {"bytes": len(weights), "sha256": digest}
    (model / "model.json").write_text(json.dumps(seal({**record, **changes})))


def tensors(model):
    return safetensors.numpy.load_file(model / "weights.safetensors")


def test_missing_things(model, tmp_path):
    assert refusal(tmp_path / "nothing").startswith("no such model folder")
    (model / "weights.safetensors").rename(tmp_path / "elsewhere")
    text = refusal(model)
    assert text.startswith("the model folder has no weights.safetensors")
    assert "repair:   the folder was copied in part" in text
    (model / "model.json").unlink()
    assert "found:    an empty folder" in refusal(model)


def test_a_file_instead_of_a_folder(model):
    text = refusal(model / "model.json")
    assert text.startswith("a model is a folder, and this is a file")
    assert f"repair:   give the folder: riesz.load({str(model)!r})" in text


@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "model.ckpt", "model.joblib"])
def test_pickles_are_not_opened(tmp_path, name):
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert refusal(tmp_path / name).startswith("Riesz opens no pickles, since opening one runs")
    assert f"Riesz opens no pickles such as {name}" in refusal(tmp_path)


def test_a_foreign_folder(model):
    (model / "model.json").write_text('{"format": "other"}')
    assert refusal(model).startswith("this folder holds no Riesz model")
    with pytest.raises(ModelError, match="not of Riesz, which saving would overwrite"):
        riesz.save(model, fno())


def test_another_version(model):
    forge(model, version=2, riesz="9.0")
    text = refusal(model)
    assert text.startswith("this model was saved in another version of the model format")
    assert "found:    version 2, saved by riesz 9.0" in text
    assert "pip install --upgrade riesz" in text


def test_damage(model):
    text = (model / "model.json").read_text()
    (model / "model.json").write_text(text.replace('"seed": 1', '"seed": 7'))
    assert "found:    a description that does not fit its own SHA-256" in refusal(model)
    (model / "model.json").write_text(text[:-5])
    assert "found:    text that is no JSON" in refusal(model)
    (model / "model.json").write_text("[" * 100_000)
    assert "found:    text that is no JSON" in refusal(model)
    (model / "model.json").write_text(text)
    data = (model / "weights.safetensors").read_bytes()
    (model / "weights.safetensors").write_bytes(data[:-1])
    assert refusal(model).startswith("the weights have another size than their description says")
    (model / "weights.safetensors").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert refusal(model).startswith("the weights are damaged, or belong to another model")


def test_weights_of_another_model(model, tmp_path):
    riesz.save(tmp_path / "other", fno(), card={})
    other = eqx.tree_at(lambda o: o.lift.bias, fno(), jnp.ones(4))
    riesz.save(tmp_path / "other", other)
    (tmp_path / "other" / "weights.safetensors").rename(model / "weights.safetensors")
    assert refusal(model).startswith("the weights are damaged, or belong to another model")


def test_links_that_leave_the_folder(model, tmp_path):
    (model / "weights.safetensors").rename(tmp_path / "outside")
    (model / "weights.safetensors").symlink_to(tmp_path / "outside")
    text = refusal(model)
    assert text.startswith("weights.safetensors is a link that leaves the model folder")
    assert "repair:   copy the files themselves into the folder: cp -rL" in text
    (tmp_path / "outside").rename(model / "inside")
    (model / "weights.safetensors").unlink()
    (model / "weights.safetensors").symlink_to("inside")
    assert isinstance(riesz.load(model), FNO)
    (tmp_path / "link").symlink_to(model)
    assert isinstance(riesz.load(tmp_path / "link"), FNO)


def test_pipes_and_folders_in_place_of_files(model):
    (model / "weights.safetensors").unlink()
    os.mkfifo(model / "weights.safetensors")
    assert "found:    a device, pipe or socket" in refusal(model)
    (model / "weights.safetensors").unlink()
    (model / "weights.safetensors").mkdir()
    assert "found:    a folder" in refusal(model)


def test_a_description_of_absurd_size(model):
    with (model / "model.json").open("ab") as file:
        file.truncate(2**33)  # sparse
    assert f"found:    {2**33} bytes" in refusal(model)


@pytest.mark.parametrize("length", [0, 7, 10**6, 2**40, 2**63, 2**64 - 1])
def test_absurd_headers(model, length):
    forge(model, struct.pack("<Q", length) + b"{}" + bytes(64))
    assert refusal(model).startswith("the weights are no safetensors file")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**63]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        {"dtype": "object", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
    ],
)
def test_absurd_tensors(model, entry):
    header = json.dumps({"lift.bias": entry}).encode()
    forge(model, struct.pack("<Q", len(header)) + header + bytes(4))
    assert refusal(model).startswith("the weights are no safetensors file")


def test_other_tensors(model):
    arrays = tensors(model)
    forge(model, safetensors.numpy.save({**arrays, "backdoor": np.zeros(1, np.float32)}))
    text = refusal(model)
    assert text.startswith("the weights are not those of the described model")
    assert "found:    also backdoor" in text
    forge(model, safetensors.numpy.save({k: v for k, v in arrays.items() if k != "lift.bias"}))
    assert "expected: also lift.bias" in refusal(model)
    forge(model, safetensors.numpy.save({**arrays, "lift.bias": np.zeros(5, np.float32)}))
    text = refusal(model)
    assert text.startswith("a tensor does not fit the description of the model")
    assert "expected: float32 of shape [4]" in text
    assert "found:    float32 of shape [5]" in text
    forge(model, safetensors.numpy.save({**arrays, "lift.bias": np.zeros(4, np.int32)}))
    assert "found:    int32 of shape [4]" in refusal(model)


def forged(model, *path, value):
    """The structure of the model with another value at one place."""
    structure = json.loads((model / "model.json").read_text())["structure"]
    at = structure
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return structure


FORGERIES = {
    "nothing": ((), None),
    "a list of nothing": ((), []),
    "a class of the system": (("class",), "os.System"),
    "a class that is no module": (("class",), "operators.OPERATORS"),
    "a class elsewhere": (("class",), "kernels.FNO"),
    "another version": (("version",), 9),
    "no fields": (("fields",), None),
    "a field too many": (("fields", "colour"), 1),
    "text in place of a number": (("fields", "width"), "many"),
    "text in place of numbers": (("fields", "modes"), "many"),
    "another class": (("fields", "lift"), {"class": "domains.Interval", "fields": {}}),
    "a function": (("fields", "lift"), {"function": "os.system"}),
    "an absurd array": (("fields", "lift", "fields", "bias", "array"), [2**62]),
    "an unknown kind": (("fields", "lift"), {"pickle": "gASV"}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_structures(model, name):
    path, value = FORGERIES[name]
    forge(model, structure=forged(model, *path, value=value) if path else value)
    assert refusal(model)


def test_nesting_without_end(model):
    structure = 0
    for _ in range(5000):
        structure = {"tuple": [structure]}
    text = (model / "model.json").read_text()
    with pytest.raises(RecursionError):
        forge(model, structure=structure)  # not even written
    assert (model / "model.json").read_text() == text


def test_forged_spaces(model):
    space = json.loads((model / "model.json").read_text())["structure"]["fields"]["input_space"]
    space["fields"]["channels"] = 5
    forge(model, structure=forged(model, "fields", "input_space", value=space))
    assert refusal(model).startswith("the description of this model cannot be built")


class Shifted(AbstractOperator):
    """An operator of another package."""

    inner: AbstractOperator

    input_space = property(lambda self: self.inner.input_space)
    output_space = property(lambda self: self.inner.output_space)

    def __call__(self, a, on=None):
        return self.inner(a, on) + 1.0


def test_classes_of_others_are_loaded_where_they_are_trusted(tmp_path, monkeypatch):
    riesz.save(tmp_path / "model", Shifted(fno()))
    text = refusal(tmp_path / "model")
    assert text.startswith("this model holds a class that is not of riesz")
    assert f"trust={__name__.split('.')[0]!r}" in text
    loaded = riesz.load(tmp_path / "model", trust=__name__)
    assert jax.tree.structure(loaded) == jax.tree.structure(Shifted(fno()))
    module = sys.modules[__name__]
    monkeypatch.delitem(sys.modules, __name__)
    with pytest.raises(ModelError, match="is not imported"):
        riesz.load(tmp_path / "model", trust=__name__)
    monkeypatch.setitem(sys.modules, __name__, module)


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    class Local(Shifted):
        pass

    with pytest.raises(ModelError, match="not at the top level of a module"):
        riesz.save(tmp_path / "model", Local(fno()))
    with pytest.raises(ModelError, match=r"(?s)cannot be written.*: lift.*top level of a file"):
        riesz.save(tmp_path / "model", eqx.tree_at(lambda o: o.lift, fno(), lambda x: x))
    assert not (tmp_path / "model").exists()
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), fno())
    with pytest.raises(ModelError, match="weights of this type cannot be saved"):
        riesz.save(tmp_path / "model", half)
    with pytest.raises(ModelError, match="this cannot be written as JSON"):
        riesz.save(tmp_path / "model", fno(), card={"loss": float("nan")})
    with pytest.raises(ModelError, match="this cannot be written as JSON"):
        riesz.save(tmp_path / "model", fno(), card={"loss": object()})
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="a model is saved in a folder, and this is a file"):
        riesz.save(tmp_path / "file", fno())
