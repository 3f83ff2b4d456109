"""The formats of riesz; importing this package registers them, in the order they are tried."""

# isort: off
from riesz.data._formats._hdf5 import HDF5 as HDF5
from riesz.data._formats._npz import NPZ as NPZ
from riesz.data._formats._matlab import MATLAB as MATLAB
from riesz.data._formats._well import well as well
from riesz.data._formats._pdebench import pdebench as pdebench
from riesz.data._formats._netcdf import NetCDF as NetCDF
from riesz.data._formats._text import Text as Text
