"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.learning._split import least_for_calibration as least_for_calibration
