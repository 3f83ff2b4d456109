"""Which parametrisations learn features at infinite width, and limits in which they do."""

from riesz.networks._feature_learning._abc import ABC as ABC
from riesz.networks._feature_learning._abc import Classification as Classification
from riesz.networks._feature_learning._abc import classify as classify
from riesz.networks._feature_learning._deep_linear import DeepLinearLimit as DeepLinearLimit
from riesz.networks._feature_learning._deep_linear import deep_linear_limit as deep_linear_limit
from riesz.networks._feature_learning._exponents import Exponents as Exponents
from riesz.networks._feature_learning._exponents import measure_exponents as measure_exponents
from riesz.networks._feature_learning._mean_field import MeanFieldLimit as MeanFieldLimit
from riesz.networks._feature_learning._mean_field import mean_field_limit as mean_field_limit
