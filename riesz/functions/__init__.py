"""Functions as values: samples that know their domain, evaluate anywhere and integrate."""

from riesz.functions._batch import batch as batch
from riesz.functions._batch import stack as stack
from riesz.functions._batch import take as take
from riesz.functions._covariances import AbstractCovariance as AbstractCovariance
from riesz.functions._covariances import Matern as Matern
from riesz.functions._covariances import PowerSpectrum as PowerSpectrum
from riesz.functions._covariances import SquaredExponential as SquaredExponential
from riesz.functions._function import Function as Function
from riesz.functions._norms import Norm as Norm
from riesz.functions._norms import relative_error as relative_error
from riesz.functions._pairs import Pairs as Pairs
from riesz.functions._pairs import PairsLike as PairsLike
from riesz.functions._random_field import RandomField as RandomField
from riesz.functions._random_field import random_field as random_field
from riesz.functions._symmetries import AbstractSymmetry as AbstractSymmetry
from riesz.functions._symmetries import Reflection as Reflection
from riesz.functions._symmetries import Translation as Translation
from riesz.functions._symmetries import Transposition as Transposition
