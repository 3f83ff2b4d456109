"""Fitting models to data by objectives."""

from riesz._fit._fit import fit as fit
from riesz._fit._fitted import Fitted as Fitted
from riesz._fit._fitted import Record as Record
from riesz._fit._fitted import Status as Status
from riesz._fit._losses import RelativeLoss as RelativeLoss
from riesz._fit._recipe import Recipe as Recipe
from riesz._fit._recipe import recipe as recipe
from riesz._fit._samples import Stream as Stream
from riesz._fit._split import Split as Split
from riesz._fit._split import split as split
