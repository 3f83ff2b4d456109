"""The file of recorded results, inside the package."""

import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import riesz
from riesz._core.files import write_atomically
from riesz.errors import RunError

RESULTS = Path(__file__).with_name("results.json")


def read_results() -> dict[str, dict[str, Any]]:
    """Every record, by the name of its paper."""
    if not RESULTS.exists():
        return {}
    try:
        return json.loads(RESULTS.read_text())
    except ValueError as error:
        raise RunError(
            "the recorded results of the papers are damaged",
            where=str(RESULTS),
            found=str(error),
            repair="delete the file, or get it back from version control",
        ) from error


def require_writable() -> None:
    """Find out before minutes of computing whether a result can be recorded.

    **Raises:** `RunError` when it cannot.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=RESULTS.parent):
            pass
    except OSError as error:
        raise RunError(
            "the result of a paper cannot be recorded",
            where="riesz.papers.reproduce",
            expected=f"that {RESULTS.parent} can be written",
            found=str(error),
            repair="install riesz from a checkout, with pip install -e ., or measure without "
            "recording: riesz.papers.PAPERS[name].run()",
        ) from error


def write_result(name: str, measured: dict[str, float], seconds: float) -> dict[str, Any]:
    """Add a record; a crash leaves the old file or the new."""
    record = {
        "measured": {key: float(f"{value:.4g}") for key, value in measured.items()},
        "seconds": round(seconds, 1),
        "date": time.strftime("%Y-%m-%d"),
        "hardware": _hardware(),
        "load": round(os.getloadavg()[1], 1) if hasattr(os, "getloadavg") else None,
        "riesz": riesz.__version__,
    }
    results = {**read_results(), name: record}
    text = json.dumps(dict(sorted(results.items())), indent=2) + "\n"
    write_atomically(RESULTS, text.encode())
    return record


def _hardware() -> str:
    """Device and processor, as `cpu, 2 x AMD EPYC`."""
    import jax

    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    return f"{jax.devices()[0].device_kind}, {os.cpu_count()} x {model}"
