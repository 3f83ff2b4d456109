"""Evaluation: errors with intervals, coverage, spectra and speed."""

from riesz._evaluate._evaluate import evaluate as evaluate
from riesz._evaluate._reference import sample_at as sample_at
from riesz._evaluate._report import Report as Report
from riesz._evaluate._report import ResolutionResult as ResolutionResult
from riesz._evaluate._report import Spectrum as Spectrum
from riesz._evaluate._report import Speed as Speed
from riesz._evaluate._statistics import Coverage as Coverage
from riesz._evaluate._statistics import Statistic as Statistic
