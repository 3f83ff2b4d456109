"""Writing pairs: some at a time, continuing after an interruption, or all at once."""

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import jax
import numpy as np

from riesz._core.files import replacing
from riesz.data._layout import PAIRS, Samples, write_description
from riesz.data._npz import DESCRIPTION
from riesz.data._scan import fingerprint, to_float32
from riesz.data._spec import Location
from riesz.data._writer import SetWriter, require_folder, writing
from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DataError
from riesz.functions import Assembly, Function, Pairs


class PairsWriter(SetWriter):
    """Writes pairs to a group of an HDF5 file, chunk by chunk, in the native layout.

    **Arguments:**

    - `path`, `group`: the file, and the group in it (`""` for the root).
    - `input_space`, `output_space`, `input_grid`, `output_grid`: what the pairs are.
    - `length`: how many pairs there will be.
    - `problem`, `seed`, `details`: kept in the file; JSON values.
    - `overwrite`: replace what is there.

    A writer that was interrupted, at any moment and by any signal, is continued by making it
    anew with the same arguments: `complete` pairs are in the file, append from there. When the
    file is finished already, `done` is true and `complete == length`.

    **Raises:** `DataError` when the file, finished or not, has another description.

    ```python
    with PairsWriter("burgers.h5", "train", a_space, u_space, grid, grid, 1000) as writer:
        while writer.complete < 1000:
            writer.append(Pairs(...))
    ```
    """

    def __init__(
        self,
        path: str | PathLike[str],
        group: str,
        input_space: Space,
        output_space: Space,
        input_grid: AbstractDiscretization,
        output_grid: AbstractDiscretization,
        length: int,
        *,
        problem: str | None = None,
        seed: Any = None,
        details: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        resume: bool = True,
    ):
        if length < 1:
            raise DataError("data needs at least one pair", where="PairsWriter", found=length)
        sets = {
            "input": Samples("input", input_space, input_grid),
            "output": Samples("output", output_space, output_grid),
        }
        extra = {"problem": problem, "seed": seed, "details": dict(details or {})}
        location = Location(f"{os.fspath(path)}::{group}")
        super().__init__(location, PAIRS, sets, length, overwrite, resume, **extra)

    def append_pairs(self, pairs: Pairs) -> None:
        """Add some pairs; what fills a chunk is in the file when this returns."""
        values = {"input": pairs.inputs.values, "output": pairs.outputs.values}
        self.append({role: np.asarray(v) for role, v in values.items()})


def write_pairs(
    path_spec: str | PathLike[str],
    pairs: Pairs,
    *,
    problem: str | None = None,
    seed: Any = None,
    overwrite: bool = False,
) -> None:
    """Write pairs to `FILE.h5`, `FILE.h5::GROUP` or `FILE.npz`, completely or not at all.

    **Raises:** `DataError` when other data is there already, unless `overwrite`.
    """
    location = Location(path_spec)
    parts = pairs.parts or (None, None)
    inputs = samples_of(pairs.inputs, "input", parts[0])
    outputs = samples_of(pairs.outputs, "output", parts[1])
    if location.format == "npz":
        sets = {"input": (inputs, pairs.inputs), "output": (outputs, pairs.outputs)}
        digest = fingerprint(pairs)
        text = write_description(
            PAIRS,
            len(pairs),
            {role: samples for role, (samples, _) in sets.items()},
            **{"problem": problem, "seed": seed, "details": {}, "fingerprint": digest},
        )
        write_npz(location, text, list(sets.values()), overwrite)
        return
    sets = {"input": inputs, "output": outputs}
    extra = {"problem": problem, "seed": seed, "details": {}}
    with SetWriter(location, PAIRS, sets, len(pairs), overwrite, False, **extra) as writer:
        if writer.done:
            _require_same(location, pairs)
        else:
            values = {"input": pairs.inputs.values, "output": pairs.outputs.values}
            writer.append({role: np.asarray(v) for role, v in values.items()})


def samples_of(functions: Function, name: str, assembly: Assembly | None = None) -> Samples:
    """Where a batch of functions is sampled: all on the same points, or each on its own."""
    where = functions.discretization
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(where)]
    each = None
    if where.stacked:
        each = None if all((leaf == leaf[:1]).all() for leaf in leaves) else where
        where = jax.tree.map(lambda leaf: leaf[0], where)
    samples = Samples(name, functions.space, where, each, assembly=assembly)
    samples.describe()  # raises for what the layout cannot hold
    return samples


def write_npz(
    location: Location, text: str, sets: list[tuple[Samples, Function]], overwrite: bool
) -> None:
    """Write sets of functions to an NPZ file in one step."""
    if location.group:
        raise DataError(
            "an NPZ file has no groups",
            where=str(location),
            found=f"group {location.group!r}",
            repair="write to an HDF5 file, FILE.h5::GROUP, or leave the group out",
        )
    require_folder(location)
    target = os.path.realpath(location.path)
    if os.path.exists(target) and not overwrite:
        raise DataError(
            "a file of this name exists",
            where=str(location),
            found=target,
            repair="choose another name, remove the file, or say overwrite=True",
        )
    arrays = {DESCRIPTION: np.array(text.encode())}
    for samples, functions in sets:
        values = to_float32(np.asarray(functions.values))
        if not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0].tolist()
            raise DataError(
                f"{samples.name} values are not finite and are not written",
                where=str(location),
                expected="no NaN, no infinity, nothing beyond 3.4e38",
                found=f"sample {bad[0]}, at index {tuple(bad[1:])}",
                repair="look at what made this sample; write the others without it",
            )
        arrays[samples.name] = values
        arrays |= samples.arrays()
    with writing(location), replacing(target) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _require_same(location: Location, pairs: Pairs) -> None:
    from riesz.data._hdf5 import open_hdf5

    record = open_hdf5(location).description or {}
    if record.get("fingerprint") != fingerprint(pairs):
        raise DataError(
            "the file holds other pairs of the same description",
            where=str(location),
            expected=f"the pairs with fingerprint {fingerprint(pairs)[:16]}...",
            found=f"fingerprint {record.get('fingerprint', '')[:16]}...",
            repair="choose another name, remove the file, or say overwrite=True",
        )
