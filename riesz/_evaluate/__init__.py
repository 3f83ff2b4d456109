"""Evaluation: errors with intervals, baselines, coverage, drift, spectra and speed."""

from riesz._evaluate._baselines import BaselineResult as BaselineResult
from riesz._evaluate._drift import Adaptive as Adaptive
from riesz._evaluate._drift import Block as Block
from riesz._evaluate._drift import Drift as Drift
from riesz._evaluate._evaluate import evaluate as evaluate
from riesz._evaluate._reference import sample_at as sample_at
from riesz._evaluate._report import ChannelResult as ChannelResult
from riesz._evaluate._report import HalfWidth as HalfWidth
from riesz._evaluate._report import Report as Report
from riesz._evaluate._report import ResolutionResult as ResolutionResult
from riesz._evaluate._report import Spectrum as Spectrum
from riesz._evaluate._report import Speed as Speed
from riesz._evaluate._scale import ErrorScale as ErrorScale
from riesz._evaluate._statistics import Coverage as Coverage
from riesz._evaluate._statistics import Statistic as Statistic
