"""Fitting models to data by objectives."""

from riesz.learning._fit import fit as fit
from riesz.learning._fitted import Fitted as Fitted
from riesz.learning._fitted import Record as Record
from riesz.learning._fitted import Status as Status
from riesz.learning._losses import RelativeLoss as RelativeLoss
from riesz.learning._objective import AbstractObjective as AbstractObjective
from riesz.learning._objectives import FlowMatching as FlowMatching
from riesz.learning._objectives import Likelihood as Likelihood
from riesz.learning._objectives import Residual as Residual
from riesz.learning._recipe import Recipe as Recipe
from riesz.learning._recipe import recipe as recipe
from riesz.learning._rollout import Rollout as Rollout
from riesz.learning._samples import Stream as Stream
from riesz.learning._split import Split as Split
from riesz.learning._split import split as split
from riesz.learning._supervised import Supervised as Supervised
