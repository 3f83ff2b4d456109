"""Deep kernel machines learn features in the limit of infinite width, and predict better."""

from typing import TYPE_CHECKING, Any

import numpy as np

from riesz.papers._paper import Paper, scaled

if TYPE_CHECKING:
    import jax

NOISE, OUTPUTS = 0.1, 3


def run(scale: float = 1.0) -> dict[str, float]:
    """Linear machines beside geometric means, and others beside Gaussian processes."""
    import jax

    with jax.enable_x64(True):
        return {"linear_error": _linear(scaled(6, scale, 2)), **_features(scale)}


def _linear(n: int) -> float:
    """How far a learned Gram matrix is from the geometric mean of those of inputs and outputs.

    It is the optimum for linear layers without noise and nu = outputs.
    """
    import jax

    from riesz.networks import Dense
    from riesz.processes import DeepKernelMachine, Values

    x = jax.random.normal(jax.random.key(0), (n, n + 2))
    y = jax.random.normal(jax.random.key(1), (n, n + 4))
    machine = DeepKernelMachine(Dense(1) >> Dense(n + 4), float(n + 4))
    gram = machine.condition(Values(x, y)).kernel.grams[0]
    # A = x x^T / inputs, B = y y^T / outputs
    start, end = np.asarray(x @ x.T / (n + 2)), np.asarray(y @ y.T / (n + 4))
    root = _root(start)
    # A^(-1/2) B A^(-1/2)
    between = np.linalg.solve(root, np.linalg.solve(root, end).T)
    # A^(1/2) (A^(-1/2) B A^(-1/2))^(1/2) A^(1/2)
    mean = root @ _root(between) @ root
    return float(np.linalg.norm(gram - mean) / np.linalg.norm(mean))


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    # V diag(sqrt(lambda)) V^T
    return (vectors * np.sqrt(values)) @ vectors.T


def _features(scale: float) -> dict[str, float]:
    """Errors and log densities on new data of functions of one direction among six."""
    import jax
    import jax.numpy as jnp

    from riesz.networks import Dense, Rbf
    from riesz.processes import DeepKernelMachine, Values

    hidden = Dense(1, w_std=2**0.5, b_std=0.3) >> Rbf(0.5)
    network = hidden >> hidden >> Dense(OUTPUTS, w_std=2**0.5, b_std=0.3)
    seen, new = scaled(40, scale, 8), scaled(300, scale, 10)
    found = []
    for i in range(scaled(2, scale, 1)):
        keys = jax.random.split(jax.random.key(i))
        x = jax.random.normal(keys[0], (seen + new, 6))
        # y_j = sin((1 + j/2) x_1 + j) + noise
        y = jnp.stack([jnp.sin((1 + j / 2) * x[:, 0] + j) for j in range(OUTPUTS)], 1)
        y = y + NOISE * jax.random.normal(keys[1], y.shape)
        data = Values(x[:seen], y[:seen], NOISE)
        machine = DeepKernelMachine(network, nu=10.0)
        laws = {"machine": machine.condition(data), "process": machine.prior.condition(data)}
        found.append({name: _scores(law, x[seen:], y[seen:]) for name, law in laws.items()})
    return {
        f"{name}_{score}": float(np.mean([scores[name][score] for scores in found]))
        for name in ("machine", "process")
        for score in ("error", "density")
    }


def _scores(law: Any, x: "jax.Array", y: "jax.Array") -> dict[str, float]:
    """The root mean square error and the mean log density of noisy values."""
    import jax.numpy as jnp
    import scipy.stats

    marginal = law.marginal(on=x)
    # of y + noise
    spread = jnp.sqrt(marginal.variance + NOISE**2)
    density = scipy.stats.norm.logpdf(np.asarray(y), marginal.mean, spread)
    return {
        "error": float(jnp.sqrt(jnp.mean((marginal.mean - y) ** 2))),
        "density": float(density.mean()),
    }


DEEP_KERNEL_MACHINES = Paper(
    name="deep-kernel-machines",
    title="A theory of representation learning gives a deep generalisation of kernel methods",
    claim="With one linear hidden layer the learned Gram matrix is the geometric mean of those of "
    "inputs and outputs to 1e-5; on new data of functions of one direction among six (40 seen), "
    "the error of a deep kernel machine with two hidden layers is less than half of that of the "
    "Gaussian process of the same network, and its mean log density is higher by more than 1.",
    published="unlike standard infinite-width limits, the Bayesian representation learning limit "
    "has learned representations; deep kernel machines use it as a deep generalisation of kernel "
    "methods (Yang et al. 2023, arXiv 2108.13097, abstract)",
    run=run,
)
