"""Objectives of `riesz.fit`: what is made small, as `objective(model, batch, key)`."""

from riesz._fit._objective import AbstractObjective as AbstractObjective
from riesz._fit._objectives import FlowMatching as FlowMatching
from riesz._fit._objectives import Likelihood as Likelihood
from riesz._fit._objectives import Residual as Residual
from riesz._fit._rollout import Rollout as Rollout
from riesz._fit._supervised import Supervised as Supervised
