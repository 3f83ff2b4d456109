"""The kernel that a deep kernel machine has learned."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Float

from riesz._core.parameters import Frozen
from riesz.kernels import AbstractKernel
from riesz.kernels.internal import symmetric
from riesz.processes._compiled import compiled
from riesz.processes._deep_kernel_machine._layers import Layers, with_covariances

Inputs = Float[Array, "n *features"]
Others = Float[Array, "m ..."]
Square = Float[Array, "p p"]


class LearnedKernel(AbstractKernel):
    """The covariance of an output, given learned Gram matrices of hidden layers at some points.

    With z the points and K_l the covariances of layer l by its prior, given the learned ones of
    the layer before,

        G_l(x, y) = K_l(x, y) + A(x) [G_l(z, z) - K_l(z, z)] A(y)^T,  A(x) = K_l(x, z) K_l(z, z)^-1:

    features are jointly normal by K_l, and those at z have the covariances G_l(z, z) (Yang et al.
    2023, arXiv:2108.13097). Made by `DeepKernelMachine.condition`; it has no hyperparameters.
    """

    state: Frozen

    def __init__(self, conditional: "Conditional"):
        self.state = Frozen(conditional)

    @property
    def points(self) -> Inputs:
        """The points z."""
        return self.state.value.points

    @property
    def grams(self) -> tuple[Square, ...]:
        """The learned Gram matrices G_l(z, z), one per hidden layer."""
        return _grams(self.state)

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        return _between(self.state, x, y)

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return _variances(self.state, x)


class Conditional(AbstractKernel):
    """What `LearnedKernel` computes, with arrays that may be differentiated.

    Lower triangular `priors` C_l and `changes` V_l: K_l(z, z) = C_l C_l^T and
    G_l(z, z) = C_l V_l V_l^T C_l^T.
    """

    layers: Layers
    points: Inputs
    priors: tuple[Square, ...]
    changes: tuple[Square, ...]

    def __call__(self, x: Inputs, y: Others | None = None) -> Float[Array, "n m"]:
        left = self.given(x)
        right = left if y is None else self.given(y)
        k = self.layers.start(x, x if y is None else y)
        for link, a, b in zip(self.layers.maps, left.hidden, right.hidden, strict=False):
            # K_l(x, y) from the covariances G_{l-1}
            k = link.propagate(k)
            # K_l(x, y) + A(x) G_l(z, z) A(y)^T - A(x) K_l(z, z) A(y)^T by their roots
            learned = k.nngp + a.learned @ b.learned.T - a.prior @ b.prior.T
            k = with_covariances(k, a.variances, learned, b.variances)
        gram = self.layers.maps[-1].propagate(k).nngp
        return symmetric(gram, left.variances) if y is None else gram

    def diagonal(self, x: Inputs) -> Float[Array, " n"]:
        return self.given(x).variances

    def given(self, x: Inputs) -> "Given":
        """What is known of inputs by the points."""
        k, hidden = self.layers.start(x, self.points), []
        for link, prior, change in zip(self.layers.maps, self.priors, self.changes, strict=False):
            k = link.propagate(k)
            # K_l(x, z) C_l^-T, a root of A K_l(z, z) A^T: (n, p)
            features = jsl.solve_triangular(prior, k.nngp.T, lower=True).T
            # A C_l V_l: (n, p), C_l V_l: (p, p)
            learned, root = features @ change, prior @ change
            # what is left of the variance given the features at z is not negative
            rest = jnp.maximum(k.xx[:, 0] - jnp.sum(features**2, 1), 0)
            # G_l(x, x)
            variances = rest + jnp.sum(learned**2, 1)
            hidden.append(Hidden(features, learned, variances))
            # G_l(x, x), G_l(x, z) = A G_l(z, z) and G_l(z, z) for the next layer
            k = with_covariances(k, variances, learned @ root.T, jnp.sum(root**2, 1))
        k = self.layers.maps[-1].propagate(k)
        return Given(tuple(hidden), k.xx[:, 0], k.nngp)


class Hidden(NamedTuple):
    """Inputs in a hidden layer: roots of what z explains of K_l and of G_l, and variances."""

    prior: Float[Array, "n p"]
    learned: Float[Array, "n p"]
    variances: Float[Array, " n"]


class Given(NamedTuple):
    """Inputs in all hidden layers; variances of an output, and its covariances with z."""

    hidden: tuple[Hidden, ...]
    variances: Float[Array, " n"]
    cross: Float[Array, "n p"]


@compiled
def _grams(state: Frozen) -> tuple[Square, ...]:
    known = state.value
    roots = [prior @ change for prior, change in zip(known.priors, known.changes, strict=True)]
    return tuple(root @ root.T for root in roots)


@compiled
def _between(state: Frozen, x: Inputs, y: Others | None) -> Float[Array, "n m"]:
    return state.astype(x.dtype)(x, y)


@compiled
def _variances(state: Frozen, x: Inputs) -> Float[Array, " n"]:
    return state.astype(x.dtype).diagonal(x)
