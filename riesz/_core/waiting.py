"""Waiting for results of compiled programs: Ctrl-C is heard, and a standstill is an error."""

import statistics
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import jax

from riesz.errors import RunError

Tree = TypeVar("Tree")

STANDSTILL = 120.0  # seconds in which this process did next to nothing
BUSY = 0.05  # of a core: less counts as nothing
_LONGEST_NAP = 0.02


class Watch:
    """Waits for the results of one compiled program, run after run.

    `watch(tree)` returns `tree` when its arrays are there. Python handles signals meanwhile.

    Batched LAPACK calls (`jnp.linalg.solve`, `cholesky`, `qr` under `jax.vmap`) wait, on a thread
    of XLA's CPU pool, for parts of their work that only threads of the same pool can do. As many
    of them at one time as there are threads wait for ever. Slow programs use processor time; a
    program that waits for itself uses none, which is how the two are told apart.

    **Arguments:**

    - `what`: the name of the program in an error, such as "validation".

    **Raises:** `RunError` when the arrays are on a CPU, are not there, and the process used less
    than 5 % of a core for 120 seconds in a row, and for 20 times the median of earlier waits.
    """

    def __init__(self, what: str):
        self._what, self._waits = what, list[float]()

    def __call__(self, tree: Tree) -> Tree:
        start = time.monotonic()
        idle = 0.0  # seconds in a row without work
        patience = max(STANDSTILL, 20 * statistics.median(self._waits or [0.0]))
        since, used = start, time.process_time()
        for now in _naps(tree):
            if now - since < min(1.0, STANDSTILL / 10):
                continue
            busy = time.process_time() - used
            # a process that was stopped (SIGSTOP) did not stand still longer than one look
            idle = 0.0 if busy > BUSY * (now - since) else idle + min(now - since, 2.0)
            since, used = now, time.process_time()
            if idle >= patience and _on_cpu(tree):
                raise self._standstill(now - start, idle)
        self._waits = [*self._waits[-99:], time.monotonic() - start]
        return jax.block_until_ready(tree)  # raises what the program raised

    def _standstill(self, waited: float, idle: float) -> RunError:
        usual = f"{statistics.median(self._waits):.2g} s" if self._waits else "some work"
        return RunError(
            f"{self._what} has come to a standstill: its program never ends",
            where=f"waiting for the result of {self._what}",
            expected=f"a result, after {usual} as in earlier runs" if self._waits else "a result",
            found=f"none after {waited:.0f} s, the last {idle:.0f} s of them without any work of "
            "this process: threads of XLA wait for each other",
            repair="repeat the command or call, which goes on from the last checkpoint where there "
            "is one; if it happens again, run it on one core (taskset -c 0 COMMAND). Batched "
            "jnp.linalg calls (under jax.vmap) block threads on CPUs: replace vmap by jax.lax.map "
            "around them in code of your own",
        )


def settle(tree: Any, seconds: float = 10.0) -> None:
    """Wait a while for programs under way, which crash Python where it ends before they do."""
    start = time.monotonic()
    for now in _naps(tree):
        if now - start > seconds:
            return


def _naps(tree: Any) -> Iterator[float]:
    """The time, again and again until all arrays are there; sleeps 5 % of the time waited."""
    start = time.monotonic()
    for leaf in _arrays(tree):
        while not leaf.is_deleted() and not leaf.is_ready():
            now = time.monotonic()
            yield now
            time.sleep(min(max(0.05 * (now - start), 2e-5), _LONGEST_NAP))


def _on_cpu(tree: Any) -> bool:
    return all(device.platform == "cpu" for x in _arrays(tree) for device in x.devices())


def _arrays(tree: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "is_ready")]
