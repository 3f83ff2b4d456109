"""Reading and writing data: each file format by a registered class, checked, read in parts."""

from riesz.data import _formats as _formats
from riesz.data._axes import Axis as Axis
from riesz.data._format import FORMATS as FORMATS
from riesz.data._format import AbstractFormat as AbstractFormat
from riesz.data._format import register as register
from riesz.data._load import load_functions as load_functions
from riesz.data._pairs_file import PairsFile as PairsFile
from riesz.data._pairs_file import open_pairs as open_pairs
from riesz.data._pairs_writer import PairsWriter as PairsWriter
from riesz.data._scan import fingerprint as fingerprint
from riesz.data._source import AbstractSource as AbstractSource
from riesz.data._source import ArrayInfo as ArrayInfo
from riesz.data._source import ArraySource as ArraySource
from riesz.data._spec import Location as Location
from riesz.data._write import save_functions as save_functions
from riesz.data._write import write_pairs as write_pairs
