"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.evaluation._conformal import rank as rank
from riesz.evaluation._conformal import scale_count as scale_count
