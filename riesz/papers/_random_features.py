"""Multi-layer random features approximate the functions of the kernel of infinite width."""

import numpy as np

from riesz.papers._paper import Paper, scaled


def run(scale: float = 1.0) -> dict[str, float]:
    """Errors of kernels of random features, and of regression on them, by their number."""
    import jax
    import jax.numpy as jnp

    from riesz.kernels import AbstractKernel, FeatureKernel, NetworkFeatures
    from riesz.networks import Dense, Relu
    from riesz.processes import GaussianProcess, Values

    def hidden(width: int):
        return Dense(width, 1.4, 0.3) >> Relu() >> Dense(width, 1.4, 0.3) >> Relu()

    limit = hidden(1).kernel().nngp
    points = jax.random.normal(jax.random.key(0), (3, scaled(400, scale, 12), 3))
    x, new, centres = points / jnp.linalg.norm(points, axis=-1, keepdims=True)
    # A function in the space of the kernel: sums of its sections, which cancel in the mean.
    signs = jnp.where(jnp.arange(12) % 2, -1.0, 1.0)[:, None]
    seen, unseen = (limit(p, centres[:12]) @ signs for p in (x, new))

    def error(kernel: AbstractKernel) -> float:
        """Of the last layer, trained on values at x, relative and at new inputs."""
        fitted = GaussianProcess(kernel).condition(Values(x, seen, noise=0.003))
        mean = fitted.marginal(on=new).mean
        return float(jnp.linalg.norm(mean - unseen) / jnp.linalg.norm(unseen))

    widths, kernels, errors = (32, 128, 512, 2048) if scale == 1 else (4, 8), [], []
    gram = limit(new)
    for width in widths:
        found = []
        for number in range(scaled(4, scale, 1)):
            key = jax.random.fold_in(jax.random.key(width), number)
            kernel = FeatureKernel(NetworkFeatures(hidden(width).init(3, key=key)))
            gap = jnp.linalg.norm(kernel(new) - gram) / jnp.linalg.norm(gram)
            found.append((float(gap), error(kernel)))
        for values, value in zip((kernels, errors), np.mean(found, axis=0), strict=True):
            values.append(float(value))
    # log error = slope log width + constant
    slopes = np.polyfit(np.log(widths), np.log(np.stack([kernels, errors], 1)), 1)[0]
    return {
        **{f"kernel_{width}": value for width, value in zip(widths, kernels, strict=True)},
        **{f"error_{width}": value for width, value in zip(widths, errors, strict=True)},
        "kernel_slope": float(slopes[0]),
        "error_slope": float(slopes[1]),
        "error_limit": error(limit),
    }


RANDOM_FEATURES = Paper(
    name="random-features",
    title="Multi-layer random features and the approximation power of neural networks",
    claim="From 32 to 2048 random features behind two ReLU layers the distance of their kernel "
    "from that of infinite width falls like width^-1/2 (the exponent within 0.25), and the error "
    "of a last layer trained on 400 values of a function in the space of the kernel falls at least "
    "as fast, to below 1% at new inputs.",
    published="the space of the kernel contains only functions that the architecture can "
    "approximate, from a data set, by random multi-layer features with a trained last layer; the "
    "norm of the target sets how many neurons that takes (Takhanov 2024, arXiv 2404.17461, "
    "abstract)",
    run=run,
)
