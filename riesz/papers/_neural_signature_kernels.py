"""Wide and deep controlled residual networks have the neural signature kernels."""

from collections.abc import Callable

import numpy as np

from riesz.papers._paper import Paper, scaled

WIDTHS = 16, 64, 256


def run(scale: float = 1.0) -> dict[str, float]:
    """Covariances in random networks along four paths, and the kernels of their limit."""
    import jax.numpy as jnp

    from riesz.kernels import NeuralSignature, Signature
    from riesz.networks import Relu

    rng = np.random.default_rng(0)
    steps = rng.normal(size=(4, 8, 2)) / 4
    paths = jnp.asarray(np.concatenate([np.zeros((4, 1, 2)), np.cumsum(steps, 1)], 1), jnp.float32)
    limits = {
        "identity": (Signature(refinement=3), lambda s: s, 0.0),
        "relu": (NeuralSignature(Relu(), b_std=0.5, refinement=3), lambda s: np.maximum(s, 0), 0.5),
    }
    measured = {}
    for name, (kernel, activation, b_std) in limits.items():
        limit = np.asarray(kernel(paths), float)
        found = []
        for width, layers in (*((width, 16) for width in WIDTHS), (WIDTHS[-1], 1)):
            count = scaled(65536 // width, scale, 2)
            # dx / layers in each of the layers of a step
            fine = np.repeat(steps, layers, 1) / layers
            found.append(_errors(_covariances(fine, activation, b_std, width, count, rng), limit))
        one = [single for single, _ in found[:-1]]
        measured |= {f"{name}_{width}": error for width, error in zip(WIDTHS, one, strict=True)}
        measured[f"{name}_rate"] = -float(np.polyfit(np.log(WIDTHS), np.log(one), 1)[0])
        measured[f"{name}_mean"] = found[-2][1]
        measured[f"{name}_shallow"] = found[-1][1]
    return measured


def _covariances(
    steps: np.ndarray,
    activation: Callable[[np.ndarray], np.ndarray],
    b_std: float,
    width: int,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """<S^x, S^y> / width for all pairs of paths, where S <- S + sum_k (A_k phi(S) + b_k) dx_k."""
    # A_k ~ N(0, 1 / width), b_k ~ N(0, b_std^2), S(0) ~ N(0, 1) for all paths alike
    a = rng.standard_normal((count, 2, width, width), np.float32) / np.float32(width**0.5)
    b = b_std * rng.standard_normal((count, 2, width, 1), np.float32)
    s = rng.standard_normal((count, width, 1), np.float32).repeat(len(steps), 2)
    for dx in steps.astype(np.float32).transpose(1, 2, 0):
        # (count, channels, width, paths), summed over channels
        s = s + np.sum((a @ activation(s)[:, None] + b) * dx[:, None], 1)
    return s.swapaxes(1, 2) @ s / width


def _errors(found: np.ndarray, limit: np.ndarray) -> tuple[float, float]:
    """Relative errors, over all pairs: of single networks, in root mean square, and of the mean."""
    size = np.sqrt(np.mean(np.square(limit)))
    single = np.sqrt(np.mean((found - limit) ** 2)) / size
    return float(single), float(np.sqrt(np.mean((found.mean(0) - limit) ** 2)) / size)


NEURAL_SIGNATURE_KERNELS = Paper(
    name="neural-signature-kernels",
    title="Neural signature kernels as infinite-width-depth-limits of controlled ResNets",
    claim="The relative error of the covariances in one random controlled residual network falls "
    "like width^-1/2 (16, 64, 256; the rate is the exponent), to the signature kernel for the "
    "identity and to the neural signature kernel for ReLU; the mean of 256 networks (width 256) is "
    "within 3 % with 128 layers, and not within 5 % with 8 (shallow).",
    published="controlled residual networks with random weights converge to Gaussian processes "
    "with kernels given by partial differential equations, and with the identity for the "
    "activation and shared weights to the signature kernel (Cirone, Lemercier and Salvi 2023, "
    "arXiv 2303.17671, abstract)",
    run=run,
)
