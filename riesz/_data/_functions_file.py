"""Functions without partners: inputs to predict on, and predictions."""

from os import PathLike

import numpy as np

from riesz._data._foreign import Nodes, describe_arrays, foreign_samples, require_members
from riesz._data._layout import FUNCTIONS, PAIRS, Samples, write_description
from riesz._data._native import native_samples, require_agreement
from riesz._data._pairs_file import open_source, read_members, require_fingerprint
from riesz._data._pairs_writer import samples_of, write_npz
from riesz._data._scan import combine, fingerprint, scan
from riesz._data._source import AbstractSource
from riesz._data._spec import Location
from riesz._data._writer import SetWriter
from riesz.domains import AbstractDomain, Space
from riesz.errors import DataError
from riesz.functions import Function


def save_functions(
    path_spec: str | PathLike[str], functions: Function, *, overwrite: bool = False
) -> None:
    """Write a batch of functions to `FILE.npz`, `FILE.h5` or `FILE.h5::GROUP`, or nothing.

    In an NPZ file the values are the array `values`, of shape `(n, *grid, channels)`, which
    `numpy.load` reads; the coordinates of its axes lie beside it.
    """
    location = Location(path_spec)
    samples = samples_of(functions, "values")
    values = np.asarray(functions.values)
    if values.shape[1:] != samples.shape:
        raise DataError(
            "these are not a batch of functions",
            where=f"save_functions({str(location)!r})",
            expected=f"values of shape (n, {', '.join(map(str, samples.shape))})",
            found=f"shape {values.shape}",
            repair="for one function write riesz.functions.batch(f.values[None], "
            "f.discretization, f.space)",
        )
    sets = {"values": samples}
    if location.format == "npz":
        digest = fingerprint(functions)
        text = write_description(FUNCTIONS, len(values), sets, fingerprint=digest)
        write_npz(location, text, [(samples, functions)], overwrite)
        return
    with SetWriter(location, FUNCTIONS, sets, len(values), overwrite, resume=False) as writer:
        if writer.done:
            raise DataError(
                "functions of the same description are in the file already",
                where=str(location),
                found=f"{len(values)} functions",
                repair="choose another name, remove the file, or say overwrite=True",
            )
        writer.append({"values": values})


def load_functions(
    path_spec: str | PathLike[str],
    *,
    name: str | None = None,
    nodes: Nodes = None,
    domain: AbstractDomain | None = None,
    space: Space | None = None,
) -> Function:
    """Read a batch of functions, with NumPy values, from an HDF5 or NPZ file.

    **Arguments:**

    - `path_spec`: `"FILE"`, or `"FILE::GROUP"` for a group of an HDF5 file. Files that Riesz
      wrote say everything else themselves; of pairs, the inputs are read.

    For an array `(n, *grid)` or `(n, *grid, channels)` of another program:

    - `name`: the data set; may be left out when there is only one.
    - `nodes`, `domain`: as for `open_pairs`.
    - `space`: gives the domain and the channels.

    **Raises:** `DataError`, which names the file, the data set and the repair.
    """
    source = open_source(Location(path_spec))
    if source.description is not None:
        samples = _native(source, name)
        require_agreement(source, "functions", samples, None, nodes, domain, space)
    else:
        name = name or _only_array(source)
        samples = foreign_samples(source, name, nodes, domain, space)
    length = require_members(source, (samples.name,))
    if not source.verified:
        digest = combine([scan(source, samples.name, samples.shape)])
        if (source.description or {}).get("format") == FUNCTIONS:
            require_fingerprint(source, digest)
    members = np.arange(length)
    return samples.function(read_members(source, samples, members, members))


def _native(source: AbstractSource, name: str | None) -> Samples:
    kind = (source.description or {}).get("format")
    sets = native_samples(source, PAIRS if kind == PAIRS else FUNCTIONS)
    by_name = {samples.name: samples for samples in sets.values()}
    if name is not None and name not in by_name:
        source.info(name)
        raise DataError(
            f"data set {name!r} does not hold functions",
            where=str(source.location),
            expected=" or ".join(by_name),
            found=name,
            repair="leave the name out to read the inputs",
        )
    return by_name[name] if name is not None else next(iter(sets.values()))


def _only_array(source: AbstractSource) -> str:
    if len(source.arrays) == 1:
        return next(iter(source.arrays))
    raise DataError(
        "it is not clear which data set to read",
        where=str(source.location),
        expected="one array in the file, or name=...",
        found=describe_arrays(source) or "no data sets in this group",
        repair=f"say which: name={next(iter(source.arrays))!r}"
        if source.arrays
        else source.group_hint(),
    )
