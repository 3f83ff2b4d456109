"""Calibration: bands with a coverage guarantee."""

from riesz._calibrate._banded import Band as Band
from riesz._calibrate._banded import Banded as Banded
from riesz._calibrate._conformal import calibrate as calibrate
