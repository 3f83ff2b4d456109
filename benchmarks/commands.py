"""Runs `riesz` commands as a user would, for the benchmarks of whole runs."""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "docs" / "tables"
DARCY = ROOT.parent / "shared" / "data" / "darcy_16_32.h5"


def riesz(*words: object) -> tuple[dict[str, Any], float]:
    """The JSON that a command prints, and its seconds."""
    start = time.monotonic()
    command = [sys.executable, "-m", "riesz", *map(str, words), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout), time.monotonic() - start


def load() -> float:
    """Programs that want a core, averaged over the last minute."""
    return os.getloadavg()[0]


def processor() -> str:
    """The model of the CPU, as Linux names it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    return next(names, platform.machine())


def hardware() -> str:
    """The processor and its cores."""
    return f"{processor()}, {os.cpu_count()} cores"


def today() -> str:
    """The date."""
    return datetime.now(UTC).date().isoformat()


def footer(loads: list[float]) -> str:
    """When and where this was measured, and how busy the machine was before each run."""
    busy = ", ".join(f"{x:.1f}" for x in loads)
    return f"\n\n{hardware()}, {today()}; load before each run: {busy}.\n"
