"""Model folders: saving and loading operators without pickles."""

from riesz.io._model import load as load
from riesz.io._model import read_card as read_card
from riesz.io._model import read_model as read_model
from riesz.io._model import save as save
