"""Functions without partners: inputs to predict on, and predictions."""

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np

from riesz.data._coordinates import fields_of
from riesz.data._dialects import open_source
from riesz.data._foreign import foreign_samples, require_rows
from riesz.data._given import Channels, Nodes, given_of, of_role
from riesz.data._joined import joined, names_in
from riesz.data._layout import FUNCTIONS, PAIRS, Samples, write_description
from riesz.data._names import describe_arrays
from riesz.data._native import native_samples, require_agreement
from riesz.data._pairs_writer import samples_of, write_npz
from riesz.data._read import read_functions, require_fingerprint, scanned
from riesz.data._scan import fingerprint
from riesz.data._source import AbstractSource
from riesz.data._spec import Location
from riesz.data._writer import SetWriter
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
    nodes: Nodes | Mapping[str, Nodes] = None,
    domain: AbstractDomain | Mapping[str, AbstractDomain] | None = None,
    lead: int | None = None,
    channels: Channels | Mapping[str, Channels] | None = None,
    periodic: bool | Sequence[bool] | Mapping[str, bool | Sequence[bool]] | None = None,
    space: Space | None = None,
) -> Function:
    """Read a batch of functions, with NumPy values, from a file that `open_pairs` reads.

    **Arguments:**

    - `path_spec`: `"FILE"`, or `"FILE::GROUP"` for a group of an HDF5 file. Files that Riesz
      wrote say everything else themselves; of pairs, the inputs are read.

    For files of other programs:

    - `name`: the array; may be left out when there is only one. Several, such as `"a,viscosity"`,
      are read as the channels of one function, as by `open_pairs`.
    - `nodes`, `domain`, `channels`, `periodic`: as for `open_pairs`.
    - `lead`: as for `open_pairs`: each time of a series is a function.
    - `space`: gives the domain and the channels.

    **Raises:** `DataError`, which names the file, the data set and the repair.
    """
    source = open_source(Location(path_spec))
    options = {"nodes": nodes, "domain": domain, "channels": channels, "periodic": periodic}
    if source.description is not None:
        sets = {"input": _native(source, name)}
        given = given_of(source, name, space, **of_role(options, "input", name))
        require_agreement(source, "functions", sets["input"], given)
    else:
        names = names_in(source, name or _only_array(source))
        if len(names) > 1 and space is not None:
            options["domain"], space = domain or space.domain, None
        given = {
            f"input {i}": given_of(source, one, space, **of_role(options, "input", one))
            for i, one in enumerate(names)
        }
        sets, _, _ = foreign_samples(source, given, lead)
    stored = require_rows(source, [samples.name for samples in sets.values()])
    if not source.verified:
        digest, sets, _ = scanned(source, sets)
        if (source.description or {}).get("format") == FUNCTIONS:
            require_fingerprint(source, digest)
    (samples,) = joined(sets)[0].values()
    return read_functions(source, samples, np.arange(stored * samples.stored.steps))


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
    fields = fields_of(source)
    if len(fields) == 1:
        return next(iter(fields))
    raise DataError(
        "it is not clear which data set to read",
        where=str(source.location),
        expected="one array in the file, or name=...",
        found=describe_arrays(source) or "no data sets in this group",
        repair=f"say which: name={next(iter(source.arrays))!r}"
        if source.arrays
        else source.group_hint(),
    )
