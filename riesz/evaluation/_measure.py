"""Errors of a batch of predictions, collected chunk by chunk."""

from math import prod
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from riesz._core.waiting import Watch
from riesz.domains import AbstractDiscretization
from riesz.errors import DataError, ModelError
from riesz.evaluation._banded import Banded
from riesz.evaluation._error_scale import ErrorScale
from riesz.evaluation._predict import predict
from riesz.evaluation._report import ChannelResult, HalfWidth, ResolutionResult, Spectrum, Speed
from riesz.evaluation._spectrum import energies, has_spectrum
from riesz.evaluation._statistics import Coverage, Statistic
from riesz.functions import Function, Norm, Pairs
from riesz.functions.internal import norm

_SPECTRA = {"error spectrum", "target spectrum"}  # of functions on one domain
_NORMS: tuple[Norm, ...] = ("L2", "H1", "Linf")


class Tally:
    """The errors of one operator at one resolution so far."""

    def __init__(self, operator: Any, resolution: tuple[int, ...] | None) -> None:
        self.operator = operator
        self.resolution = resolution
        self.n = 0
        self.first: Pairs | None = None
        self.found: list[dict[str, np.ndarray]] = []
        self._wait = Watch("the evaluation")

    @property
    def banded(self) -> Banded | None:
        """The operator, where it has a band."""
        return self.operator if isinstance(self.operator, Banded) else None

    def add(self, pairs: Pairs, count: int) -> None:
        """Measure the first `count` of the pairs."""
        banded = self.banded
        inner = self.operator if banded is None else banded.operator
        prediction = predict(inner, pairs)
        found = _measure(prediction, pairs.outputs)  # one program for all operators
        if banded is not None:
            found |= _covered(banded, pairs.inputs, prediction, pairs.outputs)
        found = self._wait(found)
        found = {name: np.asarray(x)[:count] for name, x in found.items()}
        self._require_finite(found)
        if self.first is None:
            self.first = pairs[:1]
        self.found.append(found)
        self.n += count

    def _require_finite(self, found: dict[str, np.ndarray]) -> None:
        target = np.isfinite(found["target L2"]).all(1)
        if not target.all():
            raise DataError(
                "the target is not finite",
                where=f"riesz.evaluate: sample {self.n + int(np.argmin(target))}",
                expected="finite values at all present points",
                found="NaN or infinite values",
                repair="mask the missing values (MaskedGrid), or leave this sample out",
            )
        error = np.isfinite(found["error L2"]).all(1)
        if not error.all():
            raise ModelError(
                "the operator gives values that are not finite",
                where=f"riesz.evaluate: sample {self.n + int(np.argmin(error))}",
                expected="finite values",
                found="NaN or infinite values",
                repair="check that the fit ended well, and the range of this input",
            )

    def all(self, name: str) -> np.ndarray:
        """One quantity of all samples, in float64."""
        return np.concatenate([found[name] for found in self.found]).astype(np.float64)

    def errors(self, scale: ErrorScale) -> np.ndarray:
        """Root mean square errors in units of the scale, (n, channels)."""
        return self.all("rms") / scale.units

    def relative(self, kind: Norm) -> np.ndarray:
        """Relative errors (n, channels); NaN where the target vanishes."""
        error, target = self.all(f"error {kind}"), self.all(f"target {kind}")
        # |p - u| / |u|, (n, c)
        return np.where(target > 0, error / np.where(target > 0, target, 1), np.nan)

    def mean_l2(self) -> float:
        """The mean relative L2 error."""
        return float(np.nanmean(pooled(self.relative("L2"))))

    def result(self, scale: ErrorScale, seconds: float, speed: Speed | None) -> ResolutionResult:
        """The finished result."""
        assert self.first is not None
        outputs = self.first.outputs
        shape = outputs.values.shape[1:-1]
        relative: dict[Norm, np.ndarray] = {kind: self.relative(kind) for kind in _NORMS}
        spectrum = coverage = None
        if self.banded is not None:
            inside = int(self.all("inside").all(1).sum())
            calibrated = self.banded.calibrated_on(_one(outputs))
            coverage = Coverage.of(inside, self.n, self.banded.level, calibrated)
        if "error spectrum" in self.found[0]:
            # squares of values / unit -> of values / s: times (unit / s)^2, (n, c, 1)
            square = (self.all("unit") / scale.units)[..., None] ** 2
            # (n, c, shells); sum over channels, mean over samples -> (shells,)
            parts = (self.all(f"{name} spectrum") * square for name in ("error", "target"))
            spectrum = Spectrum(*(tuple(x.sum(1).mean(0).tolist()) for x in parts))
        return ResolutionResult(
            resolution=shape if self.resolution is None else self.resolution,
            shape=shape,
            n=self.n,
            error=Statistic.of(self.errors(scale).mean(1)),
            relative_l2=Statistic.where_defined(pooled(relative["L2"])),
            relative_h1=Statistic.where_defined(pooled(relative["H1"])),
            relative_linf=Statistic.where_defined(pooled(relative["Linf"])),
            channels=self._channels(scale, relative),
            coverage=coverage,
            spectrum=spectrum,
            seconds_per_function=seconds,
            speed=speed,
        )

    def _channels(self, scale: ErrorScale, relative: dict[Norm, np.ndarray]):
        errors, out = self.errors(scale), []
        for c, (name, unit, size) in enumerate(
            zip(scale.names, scale.unit_names, scale.units, strict=True)
        ):
            coverage = half = None
            if self.banded is not None:
                calibrated = self.banded.calibrated_on(_one(cast(Pairs, self.first).outputs))
                inside = int(self.all("inside")[:, c].sum())
                coverage = Coverage.of(inside, self.n, self.banded.level, calibrated)
                mean = float(self.all("half")[:, c].mean())
                half = HalfWidth(mean, mean / float(size))
            out.append(
                ChannelResult(
                    name=name,
                    unit=unit,
                    scale=float(size),
                    error=Statistic.of(errors[:, c]),
                    **{
                        f"relative_{kind.lower()}": Statistic.where_defined(relative[kind][:, c])
                        for kind in _NORMS
                    },
                    vanishing=int(np.isnan(relative["L2"][:, c]).sum()),
                    coverage=coverage,
                    half_width=half,
                )
            )
        return tuple(out)

    def calibration_scores(self) -> np.ndarray | None:
        """The scores of the calibration on as many points as here; None where there are none."""
        assert self.first is not None
        banded, on = self.banded, _one(self.first.outputs)
        if banded is None or not banded.calibrated_on(on):
            return None
        size = prod(on.shape)
        index = banded.sizes.index(size) if size in banded.sizes else 0
        return np.asarray(banded.scores[index].value, np.float64)


def pooled(errors: np.ndarray) -> np.ndarray:
    """The mean over the channels that have the error, per sample; NaN where none has."""
    defined = ~np.isnan(errors)
    # sum over the channels with an error / their number
    total = np.where(defined, errors, 0).sum(1)
    return np.where(defined.any(1), total / np.maximum(defined.sum(1), 1), np.nan)


def _one(functions: Function) -> AbstractDiscretization:
    return jax.tree.map(lambda x: x[0], functions).discretization


@eqx.filter_jit
def _measure(prediction: Function, target: Function) -> dict[str, Array]:
    def each(p: Function, u: Function) -> dict[str, Array]:
        found = [one(*pair) for pair in zip(p.components, u.components, strict=True)]
        names = set.intersection(*map(set, found)) - (_SPECTRA if len(found) > 1 else set())
        return {name: jnp.concatenate([part[name] for part in found]) for name in sorted(names)}

    def one(p: Function, u: Function) -> dict[str, Array]:
        on = u.discretization
        values = u.values.astype(p.values.dtype)
        difference = on.present(p.values - values)
        weights = on.weights.astype(difference.dtype)
        volume = weights.sum()
        out = {}
        # error and target side by side: (*shape, 2 c) -> (2 c,)
        both = jnp.concatenate([difference, on.present(values)], -1)
        for kind in _NORMS:
            found = _norms(both, on, kind)
            out[f"error {kind}"], out[f"target {kind}"] = jnp.split(found, 2)
        # (int e^2 / V)^(1/2), V the volume of the points present
        out["rms"] = out["error L2"] / jnp.sqrt(volume)
        # m = int u / V, s = (int (u - m)^2 / V)^(1/2)
        mean = jnp.tensordot(weights, on.present(values), weights.ndim) / volume
        out["volume"], out["mean"] = jnp.full(mean.shape, volume), mean
        out["deviation"] = _norms(on.present(values - mean), on, "L2") / jnp.sqrt(volume)
        if has_spectrum(on):
            top = jnp.max(jnp.abs(values), tuple(range(values.ndim - 1)))
            # squares of u / max |u| stay within the range of float32
            out["unit"] = jnp.where(top > 0, top, 1)
            out["error spectrum"] = _energies(difference / out["unit"], on)
            out["target spectrum"] = _energies(values / out["unit"], on)
        return out

    return jax.vmap(each)(prediction, target)


@eqx.filter_jit
def _covered(
    banded: Banded, inputs: Function, prediction: Function, target: Function
) -> dict[str, Array]:
    def one(a: Function, p: Function, u: Function) -> dict[str, Array]:
        band, score = banded.around(a, p), banded.scale.score(a, p, u)
        return {"inside": band.inside(u), "half": band.half_width(), "score": score}

    return jax.vmap(one)(inputs, prediction, target)


def _energies(values: Float[Array, "*shape c"], on: AbstractDiscretization) -> Array:
    """Mean squares by wave number, (channels, shells)."""
    # (*shape, c) -> (c, shells)
    return jax.vmap(lambda v: energies(Function(v[..., None], on)), in_axes=-1)(values)


def _norms(
    values: Float[Array, "*shape c"], on: AbstractDiscretization, kind: Norm
) -> Float[Array, " c"]:
    """The norm of each channel; scaled, since squares of 1e-30 and 1e30 leave float32."""
    top = jnp.max(jnp.abs(values), tuple(range(values.ndim - 1)))
    unit = jnp.where(top > 0, top, 1)
    # |v| = unit |v / unit|
    each = jax.vmap(lambda v: norm(v[..., None], on, kind), in_axes=-1)(values / unit)
    return each * unit
