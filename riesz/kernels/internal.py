"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.kernels._gram import by_tiles as by_tiles
from riesz.kernels._inputs import LENGTH as LENGTH
from riesz.kernels._inputs import VARIANCE as VARIANCE
from riesz.kernels._inputs import symmetric as symmetric
from riesz.kernels._kernel import Inputs as Inputs
from riesz.kernels._kernel import Others as Others
