"""Where the answers of the two libraries differ in more than time: each a row of the table."""

from pathlib import Path

import numpy as np
from _kernels_side import Side

NAMES = ("riesz", "neural-tangents")
MEMORY = 8  # GiB of address space
BIG = "{0} >> Relu() >> {0} >> Relu() >> GlobalAveragePool() >> Dense(1)".format(
    "Conv(64, (3, 3), w_std=1.4)"
)


def kernels(
    programs: dict[str, str], folder: Path, description: str, x: np.ndarray, *options: str
) -> dict[str, dict]:
    """What each side gives for one set of inputs: `nngp` and `ntk` or `error`, and `seconds`."""
    path = folder / "limit.npz"
    np.savez(path, x=x, y=x)
    found = {}
    for name in NAMES:
        side = Side(name, programs[name], *options)
        answer = side.ask("prepare", description=description, inputs=str(path), pair=False)
        found[name] = answer if "error" in answer else answer | side.kernels(folder)
        side.close()
    return found


def points(n: int, dtype: type = float) -> np.ndarray:
    """Standard normal points in 32 dimensions."""
    return np.random.default_rng(1).standard_normal((n, 32)).astype(dtype)


def expectation(phi, q11, q12, q22) -> np.ndarray:
    """E[phi(u) phi(v)] by the trapezoidal rule: exact to rounding for analytic phi."""
    step = 0.04
    z = np.arange(-9, 9 + step / 2, step)
    weights = np.exp(-(z**2) / 2) * step / np.sqrt(2 * np.pi)
    out = np.empty(q12.shape)
    for index in np.ndindex(q12.shape):
        a, b, c = q11[index], q12[index], q22[index]
        u = np.sqrt(a) * z[:, None]
        v = b / np.sqrt(a) * z[:, None] + np.sqrt(max(c - b * b / a, 0.0)) * z[None, :]
        out[index] = weights @ (phi(u) * phi(v)) @ weights
    return out


def rectified(programs: dict[str, str], folder: Path) -> dict[str, str]:
    """The variance of a rectified square: E[max(u, 0)^4] = 3 q^2 / 2."""
    x = points(50)
    description = "Dense(512) >> RectifiedMonomial(2) >> Dense(1)"
    exact = 1.5 * np.mean(x**2, axis=1) ** 2
    words = {}
    for name, found in kernels(programs, folder, description, x).items():
        diagonal = np.diag(found["nngp"])
        lost = int(np.sum(~np.isfinite(diagonal)))
        error = np.max(np.abs(diagonal / exact - 1))
        words[name] = f"{lost} of {len(x)} NaN" if lost else f"relative error {error:.0e}"
    return _row("variance behind a rectified square", words)


def single(programs: dict[str, str], folder: Path) -> dict[str, str]:
    """On its diagonal the tangent kernel of a deep ReLU network is 11 K(x, x)."""
    x = points(200, np.float32)
    description = "Dense(512, w_std=2.0) >> Relu() >> " * 10 + "Dense(1, w_std=2.0)"
    exact = 11 * 4 * 2**10 * np.mean(x.astype(float) ** 2, axis=1)
    words = {}
    for name, found in kernels(programs, folder, description, x, "--float32").items():
        error = np.max(np.abs(np.diag(found["ntk"]) / exact - 1))
        words[name] = f"relative error {error:.0e}"
    return _row("variance of the tangent kernel in float32, 10 ReLU layers", words)


def without_closed_form(name: str, phi) -> dict:
    """A row for an activation that neural-tangents integrates by Gauss-Hermite quadrature."""

    def row(programs: dict[str, str], folder: Path) -> dict[str, str]:
        x = points(200)
        q = x @ x.T / 32
        some = (slice(0, 12), slice(0, 12))
        first, second = (np.broadcast_to(np.diag(q)[:12], (12, 12)).T, np.diag(q)[None, :12])
        exact = expectation(phi, first, q[some], np.broadcast_to(second, (12, 12)))
        words = {}
        description = f"Dense(512) >> {name}() >> Dense(1)"
        for side, found in kernels(programs, folder, description, x).items():
            error = np.max(np.abs(found["nngp"][some] - exact)) / np.max(exact)
            words[side] = f"error {error:.0e}"
        return _row(f"{name}, no closed form there", words)

    return row


def memory(programs: dict[str, str], folder: Path) -> dict[str, str]:
    """A pooled convolutional network on 24 images of 28 x 28 in bounded memory."""
    x = np.random.default_rng(2).standard_normal((24, 28, 28, 1))
    words = {}
    for name, found in kernels(programs, folder, BIG, x, "--memory", str(MEMORY)).items():
        lost = found.get("error", "").rpartition("Error: ")[2].partition(":")[0]
        words[name] = f"fails: {lost}" if "error" in found else "done"
        if "seconds" in found:
            words[name] += f" in {found['seconds']:.0f} s"
    return _row(f"pooled CNN, 24 images of 28 x 28, {MEMORY} GiB", words)


def _row(what: str, words: dict[str, str]) -> dict[str, str]:
    return {"what": what, "peer": words["neural-tangents"], "riesz": words["riesz"]}


LIMITS = (
    rectified,
    single,
    without_closed_form("Tanh", np.tanh),
    without_closed_form("Silu", lambda u: u / (1 + np.exp(-u))),
    memory,
)
