"""The model card: where a model comes from and what is known about it."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riesz.cli import _defaults as defaults

if TYPE_CHECKING:
    from riesz.cli._options import Options
    from riesz.cli._source import Source
    from riesz.data import PairsFile
    from riesz.functions import PairsLike
    from riesz.learning import Fitted, Recipe, Split


def make_card(
    options: "Options",
    source: "Source",
    file: "PairsFile",
    split: "Split",
    recipe: "Recipe",
    training: "PairsLike",
    fitted: "Fitted",
    record: dict[str, Any],
) -> dict[str, Any]:
    """The card, without the metrics."""
    from riesz.evaluation import input_range

    grid, out = file.input_grid, file.output_grid
    return {
        "problem": source.name,
        "resolution": source.resolution,
        "data": {
            "file": os.path.abspath(file.path),
            "group": file.group,
            "sampled": source.file is None,
            "pairs": len(file),
            "fingerprint": file.fingerprint,
            "input": file.inputs.name,
            "output": file.outputs.name,
            "shape": list(grid.shape),
            "nodes": _nodes(file.inputs, source),
            "output_shape": list(out.shape),
            "outputs_elsewhere": file.outputs.each is not None and not file[:1].same_points,
            "output_nodes": _nodes(file.outputs, source),
            **{k: v for k, v in source.reading.given().items() if k in ("lead", "channels")},
            "understood": file.understood(),
            "notes": list(file.notes),
        },
        "split": {**split.to_json(), "seed": options.seed, **_fresh(options, source)},
        "recipe": recipe.to_json(),
        "training": {
            "status": fitted.status.name,
            "steps": fitted.steps,
            "seconds": round(fitted.seconds, 2),
            "validation_error": fitted.validation_error,
            "kept_step": fitted.kept,
            "notes": list(fitted.notes),
        },
        "level": options.level,
        "input_range": input_range(training),
        "seed": options.seed,
        "command": record["command"],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "hardware": _hardware(),
    }


def _nodes(samples: Any, source: "Source") -> Any:
    """The nodes of the grid; of functions that are kept apart what the call said of them."""
    if samples.assembly is not None and samples.assembly.apart:
        return source.reading.given().get("nodes")
    return samples.describe().get("nodes", ["scattered"])


def _fresh(options: "Options", source: "Source") -> dict[str, int]:
    """The number of samples that were drawn anew, where the problem could give them."""
    if source.resolution is None:
        return {}
    return {"calibration": defaults.fresh_calibration(options.level), "test": defaults.TEST_SAMPLES}


def _versions() -> dict[str, str]:
    import equinox
    import jax
    import numpy

    from riesz import __version__

    versions = {m.__name__: m.__version__ for m in (jax, equinox, numpy)}
    return {"riesz": __version__, "python": platform.python_version(), **versions}


def _hardware() -> dict[str, Any]:
    import jax

    devices = jax.devices()
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": f"{len(devices)} x {devices[0].device_kind}",
    }


def _processor() -> str:
    """The model of the CPU where the system says it, else the kind of machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
