"""Reading and writing data: HDF5 and NPZ, checked, lazily, and never by unpickling."""

from riesz.data._functions_file import load_functions as load_functions
from riesz.data._functions_file import save_functions as save_functions
from riesz.data._pairs_file import PairsFile as PairsFile
from riesz.data._pairs_file import open_pairs as open_pairs
from riesz.data._pairs_writer import PairsWriter as PairsWriter
from riesz.data._pairs_writer import write_pairs as write_pairs
from riesz.data._scan import fingerprint as fingerprint
