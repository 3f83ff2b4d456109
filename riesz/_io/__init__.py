"""Model folders: saving and loading operators without pickles."""

from riesz._io._model import load as load
from riesz._io._model import read_card as read_card
from riesz._io._model import read_model as read_model
from riesz._io._model import save as save
from riesz._io._range import check_range as check_range
from riesz._io._range import input_range as input_range
