"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.operators._apply import larger as larger
from riesz.operators._corrected import starts_as_base as starts_as_base
from riesz.operators._operator import require_input as require_input
from riesz.operators._statistics import batch_weights as batch_weights
from riesz.operators._wrappers import training_scale as training_scale
from riesz.operators._yardstick import Baseline as Baseline
from riesz.operators._yardstick import fit_baselines as fit_baselines
from riesz.operators._yardstick import samples_fitted as samples_fitted
