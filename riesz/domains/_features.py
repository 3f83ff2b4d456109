"""What a network may see of a place, and factors that vanish on the boundary."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.domains._domain import AbstractDomain, AbstractProductDomain


def coordinate_features(
    domain: AbstractDomain, relative: Float[Array, "*n d"]
) -> Float[Array, "*n f"]:
    """Coordinates scaled to [-1, 1]; cosine and sine of the angle along periodic axes.

    `relative` are coordinates measured from `domain.origin`. On a region, whose bounds are not
    known, they are the features.
    """
    if not isinstance(domain, AbstractProductDomain):
        return relative
    features = []
    for axis, periodic in enumerate(domain.periodic):
        # s = (x - lower) / length in [0, 1]
        turns = relative[..., axis] / domain.lengths[axis]
        if periodic:
            features += [jnp.cos(2 * jnp.pi * turns), jnp.sin(2 * jnp.pi * turns)]
        else:
            features.append(2 * turns - 1)
    return jnp.stack(features, -1) if features else relative


def feature_count(domain: AbstractDomain) -> int:
    """How many features `coordinate_features` makes."""
    periodic = domain.periodic if isinstance(domain, AbstractProductDomain) else ()
    return domain.dim + sum(periodic)


def envelope(domain: AbstractProductDomain, relative: Float[Array, "*n d"]) -> Float[Array, "*n"]:
    """The product of sin(pi s) over the axes with ends, s in [0, 1]; exactly 0 at both ends.

    `relative` are coordinates measured from `domain.origin`.
    """
    factor = jnp.ones(relative.shape[:-1], relative.dtype)
    for axis, periodic in enumerate(domain.periodic):
        if not periodic:
            s = relative[..., axis] / domain.lengths[axis]
            # sin of the distance to the nearer end, which is exactly 0 at both
            factor = factor * jnp.sin(jnp.pi * jnp.minimum(s, 1 - s))
    return factor
