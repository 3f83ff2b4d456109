"""The weights of an operator as named tensors, and the structure they fill."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from riesz._calibrate import Banded
from riesz.domains import Space
from riesz.errors import ModelError, RieszError
from riesz.operators import AbstractOperator, build

_AGAIN = "load it with the riesz that saved it, or save the model again with riesz.save"
# An unknown description must not keep the loader busy: no operator has layers without weights.
_COUNTS = ("layers", "depth")


def named_arrays(operator: Any) -> dict[str, Any]:
    """The array leaves by their path in the pytree, such as `inner.layers.0.spectrum`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(operator)
    return {_name(path): leaf for path, leaf in leaves if _is_array(leaf)}


def to_bytes(operator: Any) -> bytes:
    """The array leaves as a safetensors file."""
    arrays = {name: np.asarray(leaf) for name, leaf in named_arrays(operator).items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or array.dtype.itemsize < 4 and array.dtype.kind == "f":
            raise ModelError(
                "weights of this type cannot be saved",
                where=f"riesz.save: the tensor {name}",
                expected="float32 or float64",
                found=str(array.dtype),
                repair="convert them first: jax.tree.map(lambda x: x.astype('float32'), operator)",
            )
    return safetensors.numpy.save({k: np.asarray(v, order="C") for k, v in arrays.items()})


def structure(description: Any, input_space: Space, output_space: Space, where: str) -> Any:
    """The operator of a description with abstract arrays instead of weights."""

    def make() -> AbstractOperator | Banded:
        if isinstance(description, dict) and description.get("operator") == "Banded":
            return Banded.build(description, input_space, output_space)
        return build(description, input_space, output_space)

    try:
        return eqx.filter_eval_shape(make)
    except RieszError:
        raise
    except Exception as error:
        raise ModelError(
            "the description of the operator does not fit this version of riesz",
            where=where,
            expected="a description that AbstractOperator.describe gave",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            repair=_AGAIN,
        ) from error


def require_same_structure(operator: Any, built: Any) -> None:
    """Refuse an operator whose description does not give it back."""
    expected = {k: tuple(v.shape) for k, v in named_arrays(operator).items()}
    found = {k: tuple(v.shape) for k, v in named_arrays(built).items()}
    wrong = sorted(k for k in {*expected, *found} if expected.get(k) != found.get(k))
    same = jax.tree.structure(operator) == jax.tree.structure(built)
    rest = zip(jax.tree.leaves(operator), jax.tree.leaves(built), strict=False)
    same = same and all(_is_array(a) or a == b for a, b in rest)
    if wrong or not same:
        raise ModelError(
            "the operator does not describe itself completely, so it could not be loaded again",
            where=f"{type(operator).__name__}.describe",
            expected="all arguments that make the same structure anew",
            found=f"other tensors: {', '.join(wrong[:5])}" if wrong else "other static fields",
            repair="describe every argument of the constructor; wrap changed operators instead "
            "of replacing their parts",
        )


def from_bytes(
    data: bytes, description: Any, input_space: Space, output_space: Space, where: str
) -> Any:
    """The operator of a description with these weights, after all of them were checked."""
    try:
        arrays = safetensors.numpy.load(data)
    except Exception as error:  # the reader's own errors, and NumPy's for absurd shapes
        raise ModelError(
            "the weights are no safetensors file",
            where=where,
            expected="a header of safetensors that fits the size of the file",
            found=str(error)[:200],
            repair=_AGAIN,
        ) from None
    _require_bounded(description, len(arrays), where)
    built = structure(description, input_space, output_space, where)
    expected = named_arrays(built)
    missing, extra = sorted(expected.keys() - arrays), sorted(arrays.keys() - expected)
    if missing or extra:
        raise ModelError(
            "the weights are not those of the described operator",
            where=where,
            expected=f"also {', '.join(missing[:5])}" if missing else f"{len(expected)} tensors",
            found=f"also {', '.join(extra[:5])}" if extra else f"{len(arrays)} tensors",
            repair=_AGAIN,
        )
    for name, leaf in expected.items():
        _require_fits(name, leaf, arrays[name], where)
    leaves, tree = jax.tree_util.tree_flatten_with_path(built)
    filled = [jnp.asarray(arrays[_name(p)]) if _is_array(x) else x for p, x in leaves]
    return jax.tree.unflatten(tree, filled)


def _require_fits(name: str, expected: Any, found: np.ndarray, where: str) -> None:
    kinds = (np.float32, np.float64) if expected.dtype.kind == "f" else (expected.dtype,)
    if found.shape != tuple(expected.shape) or found.dtype not in kinds:
        raise ModelError(
            "a tensor does not fit the described operator",
            where=f"{where}: {name}",
            expected=f"{' or '.join(np.dtype(k).name for k in kinds)} of shape "
            f"{tuple(expected.shape)}",
            found=f"{found.dtype} of shape {found.shape}",
            repair=_AGAIN,
        )
    if jax.dtypes.canonicalize_dtype(found.dtype) != found.dtype:
        raise ModelError(
            "the model has 64-bit weights, and this program uses 32-bit numbers",
            where=f"{where}: {name}",
            expected="64-bit numbers enabled",
            found=str(found.dtype),
            repair='jax.config.update("jax_enable_x64", True) before loading',
        )


def _require_bounded(description: Any, tensors: int, where: str) -> None:
    if not isinstance(description, dict):
        return
    for key, value in description.items():
        _require_bounded(value, tensors, where)
        if key in _COUNTS and isinstance(value, int) and value > tensors:
            raise ModelError(
                "the weights are not those of the described operator",
                where=where,
                expected=f"weights of {value} {key}",
                found=f"{tensors} tensors",
                repair=_AGAIN,
            )


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct | np.ndarray)


def _name(path: tuple[Any, ...]) -> str:
    parts = []
    for key in path:
        match key:
            case GetAttrKey(name=name):
                parts.append(name)
            case SequenceKey(idx=index):
                parts.append(str(index))
            case DictKey(key=name):
                parts.append(str(name))
            case _:
                parts.append(str(key))
    return ".".join(parts)
