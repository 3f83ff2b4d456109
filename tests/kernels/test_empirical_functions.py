"""Tangent kernels of operators, whose inputs and outputs are functions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, Space
from riesz.errors import DataError
from riesz.functions import batch
from riesz.kernels import TangentKernel, linearise
from riesz.operators import FNO, DeepONet, trainable

KEY = jax.random.key(3)
LINE = Space(Interval(0.0, 2.0))


def waves(nodes, n=3):
    grid = Grid(LINE.domain, nodes)
    x = np.asarray(grid.coordinates)
    return batch(np.stack([np.sin((k + 1) * x) + k for k in range(n)]), grid)


def fno():
    return FNO(LINE, LINE, modes=2, width=3, layers=1, key=KEY)


def deeponet():
    return DeepONet(LINE, LINE, sensors=5, width=8, depth=1, basis=4, key=KEY)


@eqx.filter_jit
def explicit(operator, functions):
    """J(a) J(b)^T for the values of the outputs, of the trained parameters."""
    trained, rest = eqx.partition(operator, trainable(operator))
    f = lambda trained, a: eqx.combine(trained, rest)(a).values.reshape(-1)  # noqa: E731
    tree = jax.vmap(jax.jacobian(f), (None, 0))(trained, functions)
    rows = [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(tree)]
    rows = jnp.concatenate(rows, -1)
    return jnp.einsum("iap,jbp->ijab", rows, rows)


def mean_by_weights(full):
    return np.einsum("ijaa,a->ij", full, Grid(LINE.domain, full.shape[2]).weights / 2.0)


def test_the_kernel_of_an_operator_averages_by_the_quadrature_weights():
    kernel, functions = TangentKernel(fno()), waves(9, 2)
    mean = mean_by_weights(explicit(fno(), functions))
    np.testing.assert_allclose(kernel(functions), mean, rtol=1e-5, atol=1e-5)


def test_constants_of_an_operator_are_no_parameters():
    """The sensors of a DeepONet."""
    operator, functions = deeponet(), waves(9)
    kernel = TangentKernel(operator)
    arrays = jax.tree.leaves(eqx.filter(operator, eqx.is_inexact_array))
    sensors = operator.positions.value
    assert len(kernel.split.leaves) == len(arrays) - 1
    assert all(p.shape != sensors.shape for p in kernel.split.leaves)
    full, v = kernel.full(functions), functions.values
    product = np.einsum("ijab,jb->ia", full, v[..., 0])[..., None]
    np.testing.assert_allclose(kernel.matvec(functions, functions, v), product, rtol=1e-4)


def test_the_kernel_of_an_operator_converges_under_refinement():
    kernel = TangentKernel(deeponet())
    coarse, fine = kernel.diagonal(waves(9)), kernel.diagonal(waves(17))
    np.testing.assert_allclose(coarse, fine, rtol=5e-3)  # a sum over points would double


def test_outputs_on_different_grids_have_no_average_but_pairs():
    kernel = TangentKernel(deeponet())
    with pytest.raises(DataError, match="outputs of one size"):
        kernel(waves(9), waves(17))
    assert kernel.full(waves(9, 2), waves(17, 2)).shape == (2, 2, 9, 17)


def test_a_linearised_operator_is_an_operator():
    operator, functions = deeponet(), waves(9)
    many = eqx.filter_jit(lambda f: jax.vmap(f)(functions))
    u, v = many(linearise(operator)), many(operator)
    np.testing.assert_allclose(u.values, v.values, rtol=1e-5)
    assert u.space == operator.output_space
