"""Errors of a batch of predictions, collected chunk by chunk."""

from math import prod
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from riesz._calibrate import Banded
from riesz._calibrate._predict import predict
from riesz._evaluate._report import ResolutionResult, Spectrum, Speed
from riesz._evaluate._spectrum import energies
from riesz._evaluate._statistics import Coverage, Statistic
from riesz.domains import Grid
from riesz.errors import DataError, ModelError
from riesz.functions import Function, Norm, Pairs

_NORMS: tuple[Norm, ...] = ("L2", "H1", "Linf")


class Tally:
    """The errors of one operator at one resolution so far."""

    def __init__(self, operator: Any, resolution: tuple[int, ...] | None) -> None:
        self.operator = operator
        self.resolution = resolution
        self.n = 0
        self.first: Pairs | None = None
        self.errors: list[dict[str, np.ndarray]] = []

    def add(self, pairs: Pairs, count: int) -> None:
        """Measure the first `count` of the pairs."""
        banded = self.operator if isinstance(self.operator, Banded) else None
        inner = self.operator.operator if isinstance(self.operator, Banded) else self.operator
        found = _measure(banded, predict(inner, pairs), pairs.outputs)
        found = {name: np.asarray(x)[:count] for name, x in found.items()}
        self._require_usable(found)
        if self.first is None:
            self.first = pairs[:1]
        self.errors.append(found)
        self.n += count

    def _require_usable(self, found: dict[str, np.ndarray]) -> None:
        for kind in _NORMS:
            truth, error = found[f"truth {kind}"], found[f"error {kind}"]
            if not np.isfinite(truth).all() or (truth == 0).any():
                member = int(np.argmax(~np.isfinite(truth) | (truth == 0)))
                zero = truth[member] == 0
                raise DataError(
                    "the truth vanishes, so that it has no relative error"
                    if zero
                    else "the truth is not finite",
                    where=f"riesz.evaluate: member {self.n + member}",
                    expected=f"a positive, finite {kind} norm",
                    found=str(truth[member]),
                    repair="leave this member out: its index is given above",
                )
            if not np.isfinite(error).all():
                member = int(np.argmax(~np.isfinite(error)))
                raise ModelError(
                    "the operator gives values that are not finite",
                    where=f"riesz.evaluate: member {self.n + member}",
                    expected="finite values",
                    found=f"an error of {error[member]} in {kind}",
                    repair="check that the fit ended well, and the range of this input",
                )

    def mean_l2(self) -> float:
        """The mean relative L2 error."""
        return float(self._relative("L2").mean())

    def _relative(self, kind: Norm) -> np.ndarray:
        parts = [found[f"error {kind}"] / found[f"truth {kind}"] for found in self.errors]
        return np.concatenate(parts)

    def result(self, seconds: float, speed: Speed | None) -> ResolutionResult:
        """The finished result."""
        assert self.first is not None
        shape = self.first.outputs.values.shape[1:-1]
        l2, h1, linf = (Statistic.of(self._relative(kind)) for kind in _NORMS)
        coverage, spectrum = None, None
        if isinstance(self.operator, Banded):
            inside = sum(int(found["inside"].sum()) for found in self.errors)
            calibrated = prod(shape) in self.operator.sizes
            coverage = Coverage.of(inside, self.n, self.operator.level, calibrated)
        if "error spectrum" in self.errors[0]:
            spectrum = Spectrum(self._mean("error spectrum"), self._mean("truth spectrum"))
        resolution = shape if self.resolution is None else self.resolution
        return ResolutionResult(
            resolution, shape, self.n, l2, h1, linf, coverage, spectrum, seconds, speed
        )

    def _mean(self, name: str) -> tuple[float, ...]:
        total = np.sum([found[name].sum(0, dtype=np.float64) for found in self.errors], axis=0)
        return tuple((total / self.n).tolist())


@eqx.filter_jit
def _measure(banded: Banded | None, prediction: Function, truth: Function) -> dict[str, Array]:
    def one(p: Function, u: Function) -> dict[str, Array]:
        difference = p - u
        out = {}
        for kind in _NORMS:
            out[f"error {kind}"], out[f"truth {kind}"] = difference.norm(kind), u.norm(kind)
        if isinstance(u.discretization, Grid):
            out["error spectrum"], out["truth spectrum"] = energies(difference), energies(u)
        if banded is not None:
            out["inside"] = banded.around(p).contains(u)
        return out

    return jax.vmap(one)(prediction, truth)
