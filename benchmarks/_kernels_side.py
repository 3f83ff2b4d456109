"""One side of the comparison of kernels: a process that computes what it is told line by line.

    python benchmarks/_kernels_side.py riesz|neural-tangents [--float32] [--memory GiB]

A request is a line of JSON and so is its answer; one that fails is answered by `error`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np


def riesz_kernels(description: str) -> Callable:
    """A compiled function (x, y or None) -> (NNGP, NTK), by Riesz."""
    import equinox as eqx

    from riesz.networks import parse

    return eqx.filter_jit(parse(description).kernel().both)


def peer_kernels(description: str) -> Callable:
    """The same by neural-tangents."""
    # It imports these for what is not used here, and they cannot be installed beside it.
    absent = ("tensorflow", "tf2jax", "jax.experimental.jax2tf")
    sys.modules.update({name: MagicMock() for name in absent})
    from _kernels_peer import kernels

    return kernels(description)


SIDES = {"riesz": riesz_kernels, "neural-tangents": peer_kernels}


class Worker:
    """What is prepared, and the answers to requests."""

    def __init__(self, kernels: Callable):
        self.kernels = kernels
        self.work: Callable[[], tuple] = lambda: ()

    def prepare(self, description: str, inputs: str, pair: bool) -> dict[str, Any]:
        """Compile the kernels of one set of inputs, or those between two, by a first run."""
        import jax

        with np.load(inputs) as data:
            x, y = jax.device_put((data["x"], data["y"] if pair else None))
        kernels = self.kernels(description)
        self.work = lambda: jax.block_until_ready(kernels(x, y))
        return self.run(1)

    def run(self, times: int) -> dict[str, Any]:
        """Seconds for one run, the mean of several in a row."""
        start = time.perf_counter()
        for _ in range(times):
            self.work()
        return {"seconds": (time.perf_counter() - start) / times}

    def write(self, path: str) -> dict[str, Any]:
        """Put both kernels into a file."""
        nngp, ntk = self.work()
        np.savez(path, nngp=nngp, ntk=ntk)
        return {}


class Side:
    """The handle of such a process."""

    def __init__(self, name: str, python: str, *options: str):
        self.process = subprocess.Popen(
            [python, __file__, name, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The answer to one request; `error` when there is none."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            return {"error": f"the process ended with status {self.process.wait()}"}
        return json.loads(answer)

    def kernels(self, folder: Path) -> dict[str, np.ndarray]:
        """NNGP and NTK of what was prepared."""
        path = folder / "kernels.npz"
        self.ask("write", path=str(path))
        with np.load(path) as data:
            return dict(data)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def main() -> None:
    """Answer requests until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=list(SIDES))
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--memory", type=float, help="GiB of address space")
    options = parser.parse_args()
    if options.memory:
        size = int(options.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    os.environ["JAX_ENABLE_X64"] = "0" if options.float32 else "1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    worker = Worker(SIDES[options.side])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
