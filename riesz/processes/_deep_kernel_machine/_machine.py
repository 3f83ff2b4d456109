"""Deep kernel machines: infinitely wide networks that learn features."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from riesz._core.parameters import as_traced
from riesz.errors import DataError, ModelError
from riesz.functions import Function
from riesz.networks import AbstractNetwork
from riesz.processes._deep_kernel_machine._fit import Problem, learn
from riesz.processes._deep_kernel_machine._kernel import Inputs, LearnedKernel
from riesz.processes._deep_kernel_machine._layers import cut
from riesz.processes._gaussian_posterior import GaussianPosterior
from riesz.processes._gaussian_process import GaussianProcess
from riesz.processes._marginals import Normal
from riesz.processes._observations import AbstractObservation, Values, as_sequence
from riesz.processes._process import AbstractProcess, On, RandomKey, register
from riesz.processes._solvers import InducingPoints

Observations = AbstractObservation | Sequence[Any]


@register
class DeepKernelMachine(AbstractProcess):
    """A network of infinite width whose hidden layers learn from data.

    In the limit of infinite width the features of a network are fixed. If the number of outputs
    grows with the width (the Bayesian representation learning limit), Gram matrices G_l of the
    hidden layers depend on data: they maximise

        log p(Y | G_L) - sum_l nu_l KL(N(0, G_l) | N(0, K_l(G_{l-1}))),
        KL = [tr(K^-1 G) - log det(K^-1 G) - n] / 2,

    with G_0 = X X^T / d, K_l what the network makes of a Gram matrix from one `Dense` layer to
    the next, and p(Y | G_L) normal with the covariance K_{L+1}(G_L) of an output and the noise
    of the observations (Yang et al. 2023, arXiv:2108.13097, equation (16)). For nu = infinity it
    is the Gaussian process of the network, `network.kernel().nngp`; this is also its distribution
    without observations. For kernels that are quadratic in distances of features take `Rbf` for the
    activation, for arc-cosine kernels `Relu`.

    **Arguments:**

    - `network`: a chain with two or more `Dense` layers, one of them at its end, whose features
      are the channels of the process. Inputs are vectors at the first of them.
    - `nu`: how strongly Gram matrices are held to those of the network, positive: a number, or
      one for each hidden `Dense` layer. A layer with infinite nu learns nothing: with
      `nu=(inf, ...)` the first Gram matrix is that of the inputs.
    - `inducing`: points `(p, *features)`. When given, Gram matrices are those of these points,
      features of data are normal given those at the points, and log p(Y | G_L) is a lower bound
      (section 4.5 of the paper): O(n p^2) work. Otherwise the points are those observed: O(n^3).
    - `steps`: at most so many of L-BFGS.

    Use `jax.enable_x64(True)`: in float32 the search ends early, with about three digits.

    ```python
    network = Dense(1) >> Relu() >> Dense(1) >> Relu() >> Dense(1)
    machine = DeepKernelMachine(network, nu=10.0)
    posterior = machine.condition(Values(x, y, noise=0.1))
    posterior.converged, posterior.objective
    posterior.marginal(on=new).mean
    posterior.kernel.grams                                # G_l at the observed points
    ```
    """

    network: AbstractNetwork
    nu: Float[Array, " layers"]
    inducing: Inputs | None
    steps: int = eqx.field(static=True)

    def __init__(
        self,
        network: AbstractNetwork,
        nu: float | Sequence[float] | Float[Array, " layers"],
        inducing: Any = None,
        steps: int = 1000,
    ):
        numbers = jnp.asarray(nu, float)
        self.network, self.steps = network, steps
        self.nu = jnp.full(_hidden(network), numbers) if numbers.ndim == 0 else numbers
        self.inducing = None if inducing is None else jnp.asarray(inducing)

    def __check_init__(self):
        hidden = _hidden(self.network)
        if self.nu.shape != (hidden,) or not (np.asarray(self.nu) > 0).all():
            raise ModelError(
                "nu is a positive number, or one for each hidden Dense layer",
                where="DeepKernelMachine(network, nu)",
                expected=f"nu > 0, one number or {hidden}",
                found=self.nu,
                repair="nu=float('inf') is the Gaussian process of the network",
            )

    @property
    def prior(self) -> GaussianProcess:
        """The distribution without observations: the Gaussian process of the network."""
        return GaussianProcess(self.network.kernel().nngp, channels=_channels(self.network))

    @property
    def exact(self) -> bool:
        """False: `condition` maximises over Gram matrices instead of averaging over them."""
        return False

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        return self.prior.sample(n, on=on, key=key)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        return self.prior.marginal(on=on, joint=joint)

    def condition(self, observations: Observations) -> "DeepKernelPosterior":
        """Learn the Gram matrices, and condition the Gaussian process that they make.

        The search runs on the host, outside compiled code.

        **Arguments:**

        - `observations`: `Values`, or a sequence of them.

        **Raises:** `DataError` for other observations; `SolverError` when covariance matrices
        are not positive definite, as in single precision.
        """
        values = _together(as_sequence(observations))
        self.prior.system((values,))  # raises for another number of channels
        dtype = values.values.dtype
        inducing = None if self.inducing is None else self.inducing.astype(dtype)
        if inducing is not None and inducing.shape[1:] != values.points.shape[1:]:
            raise DataError(
                "inducing points are inputs like those observed",
                where="DeepKernelMachine(network, nu, inducing)",
                expected=f"points of shape (p, {', '.join(map(str, values.points.shape[1:]))})",
                found=f"shape {inducing.shape}",
            )
        layers = as_traced(cut(self.network), dtype)
        learned = learn(Problem(layers, self.nu.astype(dtype), inducing, values), self.steps)
        kernel = LearnedKernel(learned.kernel)
        process = GaussianProcess(kernel, channels=_channels(self.network))
        solver = None if inducing is None else InducingPoints(inducing)
        return DeepKernelPosterior(
            self,
            kernel,
            process.condition(values, solver),
            jnp.asarray(learned.objective, dtype),
            jnp.asarray(learned.converged),
            jnp.asarray(learned.steps),
        )


@register
class DeepKernelPosterior(AbstractProcess):
    """A deep kernel machine given observations, made by `DeepKernelMachine.condition`.

    **Fields:** the learned `kernel`; the Gaussian `posterior` with this kernel; the `objective`
    reached; whether the search `converged`, and after how many `steps`.
    """

    machine: DeepKernelMachine
    kernel: LearnedKernel
    posterior: GaussianPosterior
    objective: Float[Array, ""]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]

    @property
    def exact(self) -> bool:
        """False: `condition` maximises over Gram matrices instead of averaging over them."""
        return False

    def sample(
        self, n: int, *, on: On, key: RandomKey
    ) -> Function | Float[Array, "n points channels"]:
        return self.posterior.sample(n, on=on, key=key)

    def marginal(self, *, on: On, joint: bool = False) -> Normal:
        return self.posterior.marginal(on=on, joint=joint)

    def condition(self, observations: Observations) -> "DeepKernelPosterior":
        """Learn anew from all observations: the same as conditioning once on all of them."""
        return self.machine.condition(self.posterior.observations + as_sequence(observations))


def _hidden(network: AbstractNetwork) -> int:
    return len(cut(network).maps) - 1


def _channels(network: AbstractNetwork) -> int:
    last: Any = cut(network).maps[-1].links[-1]
    return last.features


def _together(observations: Sequence[AbstractObservation]) -> Values:
    """All observed values as one observation."""
    values = [o for o in observations if isinstance(o, Values)]
    if len(values) < len(observations):
        raise DataError(
            "a deep kernel machine learns from values at points",
            where="DeepKernelMachine.condition(observations)",
            expected="Values, or a sequence of them",
            found=", ".join(type(o).__name__ for o in observations),
        )
    dtype = np.result_type(*(o.values.dtype for o in values))
    noise = [jnp.broadcast_to(o.noise, o.values.shape[:1]) for o in values]
    rows = ([o.points for o in values], [o.values for o in values], noise)
    return Values(*(jnp.concatenate([part.astype(dtype) for part in row]) for row in rows))
