"""Functions as values: samples that know their domain, evaluate anywhere and integrate."""

from riesz.functions._assembly import Assembly as Assembly
from riesz.functions._batch import batch as batch
from riesz.functions._batch import stack as stack
from riesz.functions._batch import take as take
from riesz.functions._embedding import Embedding as Embedding
from riesz.functions._embedding import embed as embed
from riesz.functions._field import Field as Field
from riesz.functions._function import Function as Function
from riesz.functions._norms import Norm as Norm
from riesz.functions._norms import relative_error as relative_error
from riesz.functions._pairs import Pairs as Pairs
from riesz.functions._pairs import PairsLike as PairsLike
from riesz.functions._symmetries import AbstractSymmetry as AbstractSymmetry
from riesz.functions._symmetries import Reflection as Reflection
from riesz.functions._symmetries import Translation as Translation
from riesz.functions._symmetries import Transposition as Transposition
from riesz.functions._trajectories import trajectories as trajectories
