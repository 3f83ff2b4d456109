"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.data._coordinates import axes_of as axes_of
from riesz.data._coordinates import fields_of as fields_of
from riesz.data._format import format_to_write as format_to_write
from riesz.data._format import open_source as open_source
from riesz.data._format import suffixes as suffixes
from riesz.data._joined import names_in as names_in
from riesz.data._table import Table as Table
from riesz.data._table import read_array as read_array
from riesz.data._table import read_points as read_points
from riesz.data._table import read_table as read_table
from riesz.data._write import write_arrays as write_arrays
