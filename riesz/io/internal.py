"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.io._model import count_parameters as count_parameters
from riesz.io._model import model_class as model_class
