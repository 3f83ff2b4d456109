"""Distributions over operators, from descriptions at infinite width."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, PRNGKeyArray

from riesz.domains import AbstractDiscretization, Space
from riesz.errors import DataError, SolverError
from riesz.functions import Function, Pairs
from riesz.networks import AbstractOperatorNetwork
from riesz.operators import AbstractOperator
from riesz.processes._marginals import Normal
from riesz.processes._solvers._host_cholesky import cholesky_in_place


class OperatorProcess(eqx.Module):
    """A Gaussian distribution over operators: a description of an operator at infinite width.

    Before data it is the distribution of the operator with random weights (`tangent=False`, the
    kernel `nngp`), or the Gaussian whose posterior mean is what infinitely wide operators compute
    after training to zero loss from zero output (`tangent=True`, the kernel `ntk`; Jacot et al.
    2018, arXiv:1806.07572). Output channels are independent. Nothing is trained: conditioning
    solves one linear system.

    **Arguments:**

    - `network`: a description such as `riesz.networks.DeepONet(branch, trunk)`.
    - `output_space`: where outputs live.

    ```python
    prior = OperatorProcess(DeepONet(layers, layers), problem.output_space)
    posterior = prior.condition(pairs, on=Grid(domain, 16), noise=1e-3)
    posterior(u), posterior.marginal(u).standard_deviation
    ```
    """

    network: AbstractOperatorNetwork
    output_space: Space = eqx.field(static=True)
    tangent: bool = eqx.field(static=True, default=False)

    def sample(
        self, n: int, a: Function, *, on: AbstractDiscretization, key: PRNGKeyArray
    ) -> Function:
        """The outputs of `n` independent operators at one input, a batch of functions."""
        samples = jax.tree.map(lambda v: v[None], a)
        size = on.weights.size
        # (1, p, 1, p) -> (p, p)
        k = np.asarray(self.covariance(samples, on)).reshape(size, size)
        values, vectors = np.linalg.eigh(k.astype(float))
        # K = V diag(w) V^T, root = V diag(sqrt(w))
        root = jnp.asarray(vectors * np.sqrt(np.maximum(values, 0)), a.values.dtype)
        normal = jax.random.normal(key, (n, size, self.output_space.channels), root.dtype)
        # (p, p) x (n, p, c) -> (n, p, c)
        draws = jnp.einsum("pq,nqc->npc", root, normal).reshape(n, *on.shape, -1)
        return jax.vmap(lambda v: Function(v, on, self.output_space))(draws)

    def condition(
        self, pairs: Pairs, *, noise: float, on: AbstractDiscretization | None = None
    ) -> "OperatorPosterior":
        """The distribution of operators given pairs of inputs and outputs.

        **Arguments:**

        - `pairs`: n inputs and their outputs.
        - `noise`: the standard deviation of observation noise, relative to the root mean square
          prior standard deviation. At least 1e-2 in float32; 1e-4 does in float64.
        - `on`: points of the output domain at which outputs are observed, p of them; by default
          where they are given. The system has n p rows, of which 20,000 take 3 GiB.

        The prior is scaled by a constant of largest evidence, in closed form.

        **Raises:** `SolverError` when the covariance is not positive definite.
        """
        on = pairs.outputs.discretization if on is None else on
        if not noise > 0:
            raise DataError(
                "conditioning an operator needs noise",
                where="OperatorProcess.condition(pairs, noise)",
                expected="noise > 0, relative to the prior",
                found=noise,
                repair="1e-3 in float64, 1e-2 in float32",
            )
        # (n, *shape, c) -> (n p, c)
        values = jax.vmap(lambda f: f.resample(on).values)(pairs.outputs)
        observed = np.asarray(values, float).reshape(-1, values.shape[-1])
        matrix = self._matrix(pairs.inputs, on, noise)
        factor, weights = _solve(matrix, observed, noise)
        # argmax of the density of N(0, s^2 K): s^2 = y^T K^-1 y / (n p c)
        variance = float(np.sum(weights * observed) / observed.size)
        dtype = pairs.inputs.values.dtype
        return OperatorPosterior(
            prior=self,
            inputs=pairs.inputs,
            on=on,
            weights=jnp.asarray(weights, dtype),
            factor=factor,
            variance=variance,
            input_space=pairs.input_space,
            output_space=self.output_space,
        )

    def covariance(
        self,
        u: Function,
        x: AbstractDiscretization,
        v: Function | None = None,
        y: AbstractDiscretization | None = None,
    ) -> Float[Array, "n p m q"]:
        """The covariance between batches of functions at points, of the kernel chosen."""
        limits = _covariances(self.network, u, x, v, y)
        return limits.ntk if self.tangent else limits.nngp

    def _matrix(
        self, inputs: Function, on: AbstractDiscretization, noise: float
    ) -> Float[np.ndarray, "b b"]:
        k = self.covariance(inputs, on)
        rows = k.shape[0] * k.shape[1]
        matrix = np.array(k, float).reshape(rows, rows)
        # K + noise^2 mean(diag K) I
        matrix[np.diag_indices(rows)] += noise**2 * matrix.diagonal().mean()
        return matrix


class OperatorPosterior(AbstractOperator):
    """An `OperatorProcess` given data; as an operator it is the posterior mean."""

    prior: OperatorProcess
    inputs: Function
    on: AbstractDiscretization
    weights: Float[Array, "b c"]
    factor: Float[np.ndarray, "b b"]
    variance: float
    input_space: Space = eqx.field(static=True)
    output_space: Space = eqx.field(static=True)

    @property
    def log_evidence(self) -> float:
        """The log density of the observed outputs at the best scale, to compare descriptions."""
        rows, channels = self.weights.shape
        # -n p c / 2 (log(2 pi s^2) + 1) - c / 2 log det K, as y^T K^-1 y / s^2 = n p c
        entropy = rows * channels / 2 * (np.log(2 * np.pi * self.variance) + 1)
        return float(-entropy - channels * np.log(self.factor.diagonal()).sum())

    def __call__(self, a: Function, on: AbstractDiscretization | None = None) -> Function:
        on = self._target(a, on)
        cross = self._cross(a, on)
        # k(x, X) K^-1 y: (p, b) x (b, c)
        values = (cross @ self.weights).reshape(*on.shape, self.output_space.channels)
        return Function(values, on, self.output_space)

    def marginal(
        self, a: Function, *, on: AbstractDiscretization | None = None, joint: bool = False
    ) -> Normal:
        """The output for one input: mean, variance and, with `joint`, covariance."""
        on = self._target(a, on)
        cross = np.asarray(self._cross(a, on), float)
        # W = L^-1 k(X, x): (b, p)
        white = scipy.linalg.solve_triangular(self.factor, cross.T, lower=True)
        alone = jax.tree.map(lambda v: v[None], a)
        size = on.weights.size
        own = np.asarray(self.prior.covariance(alone, on), float).reshape(size, size)
        # s^2 [k(x, x) - k(x, X) K^-1 k(X, x)]
        left = jnp.asarray(self.variance * (own - white.T @ white), a.values.dtype)
        channels = self.output_space.channels
        spread = jnp.maximum(jnp.diag(left), 0).reshape(*on.shape, 1)
        variance = Function(jnp.repeat(spread, channels, -1), on, self.output_space)
        return Normal(self(a, on), variance, left if joint else None)

    def _target(self, a: Function, on: AbstractDiscretization | None) -> AbstractDiscretization:
        if on is not None:
            return on
        return a.discretization if a.domain == self.output_space.domain else self.on

    def _cross(self, a: Function, on: AbstractDiscretization) -> Float[Array, "p b"]:
        alone = jax.tree.map(lambda v: v[None], a)
        # (1, p, n, q) -> (p, n q)
        cross = self.prior.covariance(alone, on, self.inputs, self.on)
        return cross.reshape(on.weights.size, -1)


@eqx.filter_jit
def _covariances(network: AbstractOperatorNetwork, u, x, v, y) -> Any:
    return network.covariances(u, x, v, y)


def _solve(matrix: np.ndarray, observed: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """The Cholesky factor, in the lower triangle of the matrix's memory, and the solution."""
    factor = matrix.T  # symmetric, in Fortran order
    failed = cholesky_in_place(factor)
    if failed:
        raise SolverError(
            "the covariance matrix of the outputs is not positive definite",
            where="OperatorProcess.condition(pairs, noise)",
            expected="noise above the rounding errors of the kernel",
            found=f"noise={noise:g}, and a pivot that is not positive in row {failed - 1} of "
            f"{len(factor)}",
            repair="more noise (1e-2 in float32), or compute in float64 (jax.enable_x64)",
        )
    return factor, scipy.linalg.cho_solve((factor, True), observed)
