"""Objectives of `riesz.fit`: what is made small, as `objective(model, batch, key)`."""

from riesz.learning import AbstractObjective as AbstractObjective
from riesz.learning import FlowMatching as FlowMatching
from riesz.learning import Likelihood as Likelihood
from riesz.learning import Residual as Residual
from riesz.learning import Rollout as Rollout
from riesz.learning import Supervised as Supervised
