"""Calibration: bands with a guarantee, by conformal prediction."""

from riesz._calibrate._banded import Band as Band
from riesz._calibrate._banded import Banded as Banded
from riesz._calibrate._conformal import calibrate as calibrate
from riesz._calibrate._inputs import InputStatistics as InputStatistics
