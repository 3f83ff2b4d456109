"""Learnable maps between functions."""

from riesz._core.parameters import Frozen as Frozen
from riesz._core.parameters import trainable as trainable
from riesz.operators._apply import apply as apply
from riesz.operators._apply import micro_batch as micro_batch
from riesz.operators._apply import micro_map as micro_map
from riesz.operators._baselines import NearestNeighbours as NearestNeighbours
from riesz.operators._baselines import PCARidge as PCARidge
from riesz.operators._baselines import Persistence as Persistence
from riesz.operators._baselines import PointwiseLinear as PointwiseLinear
from riesz.operators._baselines import TrainingMean as TrainingMean
from riesz.operators._corrected import Corrected as Corrected
from riesz.operators._deeponet import DeepONet as DeepONet
from riesz.operators._fno import FNO as FNO
from riesz.operators._operator import AbstractOperator as AbstractOperator
from riesz.operators._operator import Workload as Workload
from riesz.operators._registry import OPERATORS as OPERATORS
from riesz.operators._registry import parse as parse
from riesz.operators._registry import register as register
from riesz.operators._regridded import Regridded as Regridded
from riesz.operators._statistics import Affine as Affine
from riesz.operators._symmetrised import Symmetrised as Symmetrised
from riesz.operators._wrappers import Normalised as Normalised
from riesz.operators._wrappers import ZeroDirichlet as ZeroDirichlet
from riesz.operators._wrappers import normalised as normalised
from riesz.operators._wrappers import training_scale as training_scale
from riesz.operators._yardstick import baselines as baselines
