"""Opening files: each dialect is found by its markers, before the plain arrays of HDF5 and NPZ.

A dialect is a function that takes the source of a file's plain arrays and returns one that says
what the axes are, or None where the file is not of its kind.
"""

from riesz.data._dialects._matlab import matlab_hdf5, open_matlab
from riesz.data._dialects._netcdf import netcdf_hdf5, open_netcdf
from riesz.data._dialects._pdebench import pdebench
from riesz.data._dialects._torch import refuse_torch
from riesz.data._dialects._well import well
from riesz.data._hdf5 import open_hdf5
from riesz.data._npz import open_npz
from riesz.data._source import AbstractSource
from riesz.data._spec import Location, file_format


def open_source(location: Location) -> AbstractSource:
    """The arrays of a file, whichever its format, with what its dialect says of their axes."""
    kind = file_format(location)
    if kind == "netcdf":
        return open_netcdf(location)
    if kind == "matlab":
        return open_matlab(location)
    if kind == "npz":
        refuse_torch(location)
        return open_npz(location)
    source = open_hdf5(location)
    if source.description is None:
        for dialect in (matlab_hdf5, well, pdebench, netcdf_hdf5):
            found = dialect(source)
            if found is not None:
                return found
    return source
