"""Calibration: bands with a guarantee, by conformal prediction."""

from riesz._calibrate._adaptive import AdaptiveBand as AdaptiveBand
from riesz._calibrate._adaptive import adapt as adapt
from riesz._calibrate._banded import Band as Band
from riesz._calibrate._banded import Banded as Banded
from riesz._calibrate._conformal import calibrate as calibrate
from riesz._calibrate._exchangeability import Exchangeability as Exchangeability
from riesz._calibrate._exchangeability import exchangeability as exchangeability
from riesz._calibrate._inputs import InputStatistics as InputStatistics
from riesz._calibrate._roughness import Roughness as Roughness
from riesz._calibrate._scale import Scale as Scale
