"""Reading functions without partners: inputs to predict on, and predictions."""

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np

from riesz.data._coordinates import fields_of
from riesz.data._foreign import foreign_samples, require_rows
from riesz.data._format import open_source
from riesz.data._given import Channels, Nodes, domain_of, given_of, of_role
from riesz.data._joined import joined, names_in
from riesz.data._layout import FUNCTIONS, PAIRS, Samples
from riesz.data._names import describe_arrays
from riesz.data._native import native_samples, require_agreement, require_fingerprint
from riesz.data._read import read_functions, scanned
from riesz.data._source import AbstractSource
from riesz.data._spec import Location
from riesz.domains import AbstractDomain, DisjointUnion, Space
from riesz.errors import DataError
from riesz.functions import Function


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
    apart: bool = False,
) -> Function:
    """Read a batch of functions, with NumPy values, from a file that `open_pairs` reads.

    **Arguments:**

    - `path_spec`: `"FILE"`, or `"FILE::GROUP"` where files have groups. Files that Riesz
      wrote say everything else themselves; of pairs, the inputs are read.

    For files of other programs:

    - `name`: the array; may be left out when there is only one. Several, such as `"a,viscosity"`,
      are read as the channels of one function, as by `open_pairs`.
    - `nodes`, `domain`, `channels`, `periodic`: as for `open_pairs`.
    - `lead`: as for `open_pairs`: each time of a series is a function.
    - `space`: gives the domain and the channels.
    - `apart`: as for `open_pairs`; so where `space` is on a disjoint union.

    **Raises:** `DataError`, which names the file, the data set and the repair.
    """
    source = open_source(Location(path_spec))
    options = {"nodes": nodes, "domain": domain, "channels": channels, "periodic": periodic}
    record = source.description
    if record is not None:
        sets = native_samples(source, PAIRS if record["format"] == PAIRS else FUNCTIONS)
    else:
        names = names_in(source, name or _only_array(source))
        if len(names) > 1 and space is not None:
            apart = apart or isinstance(space.domain, DisjointUnion)
            options["domain"] = domain or {str(one): domain_of(space, one) for one in names}
            space = None
        given = {
            f"input {i}": given_of(source, one, space, **of_role(options, "input", one))
            for i, one in enumerate(names)
        }
        sets, _, _ = foreign_samples(source, given, lead)
    stored = require_rows(source, [samples.name for samples in sets.values()])
    digest, sets, _ = scanned(source, sets)
    require_fingerprint(source, digest)
    if record is None:
        (samples,) = joined(sets, apart)[0].values()
    else:
        samples = _of_name(source, name, sets)
        own = given_of(source, name, space, **of_role(options, "input", name))
        require_agreement(source, "functions", samples, own)
    return read_functions(source, samples, np.arange(stored * samples.stored.steps))


def _of_name(source: AbstractSource, name: str | None, sets: dict[str, Samples]) -> Samples:
    """The set of this name; by default the inputs."""
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
