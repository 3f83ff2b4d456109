"""Wrong calls of processes say what to do, and results print their numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, MaskedGrid
from riesz.errors import DataError, ModelError
from riesz.functions import Function
from riesz.kernels import Matern, SquaredExponential
from riesz.networks import Dense, Erf
from riesz.processes import (
    GaussianProcess,
    Integrals,
    Labels,
    StudentTProcess,
    Values,
    WideNetwork,
    tune,
)

PRIOR = GaussianProcess(2.0 * Matern(2.5, 0.4), mean=0.3)
GRID = Grid(Interval(0.0, 1.0), 5)
X = np.linspace(0, 1, 6)[:, None]
Y = np.sin(X)
KEY = jax.random.key(0)
WIDE = Dense(8) >> Erf() >> Dense(1)


def field():
    return Function(jnp.ones((5, 1)), GRID)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: PRIOR.marginal(on=0.3), "float, 0.3(.|\\n)*np.array"),
        (lambda: PRIOR.marginal(on=np.float64(0.3)), "one row per point(.|\\n)*is one point"),
        (lambda: PRIOR.marginal(on="here"), "str, 'here'"),
        (lambda: PRIOR.marginal(on=[[1.0], [2.0, 3.0]]), "discretization, or an array of shape"),
        (lambda: PRIOR.marginal(on=field()), "a Function(.|\\n)*give f.discretization"),
        (lambda: PRIOR.marginal(on=X[:0]), "no points: shape .0, 1.(.|\\n)*at least one"),
        (
            lambda: PRIOR.marginal(on=np.where(X > 0.5, np.nan, X)),
            "not finite(.|\\n)*first is row 3",
        ),
        (lambda: PRIOR.condition(Values(X, Y)).marginal(on=X * np.nan), "not finite"),
        (lambda: PRIOR.sample(2, on=X, key=0), "int, 0(.|\\n)*key=jax.random.key"),
        (lambda: PRIOR.sample(2, on=X, key=jax.random.split(KEY)), "for many keys use jax.vmap"),
        (lambda: PRIOR.condition(Values(X, Y)).sample(2, on=X, key=1), "GaussianPosterior.sample"),
        (lambda: StudentTProcess(PRIOR, 2.0, 2.0).sample(2, on=X, key=1), "StudentTProcess.sample"),
        (lambda: WideNetwork(WIDE).sample(2, on=X, key=1), "key=jax.random.key"),
        (lambda: tune(PRIOR, Values(X, Y), key=3), "where: +tune(.|\\n)*key=jax.random.key"),
        (lambda: Values(field(), Y), "a Function(.|\\n)*give f.discretization, and f.values"),
        (lambda: Values(GRID, field()), "found: +Function(.|\\n)*f.discretization and f.values"),
        (lambda: Values(X, ["a"] * 6), "real numbers(.|\\n)*found: +<U1"),
        (lambda: Values(X[:0], Y[:0]), "no points: shape .0, 1."),
        (lambda: Values(X, Y * np.nan), "values are not finite(.|\\n)*6 rows of 6"),
        (
            lambda: Integrals(GRID, np.ones((0, 5)), np.ones((0, 1))),
            "at least one row(.|\\n)*.0, 1.",
        ),
        (lambda: Labels(X[:0], np.zeros(0, int)), "no points"),
        (lambda: Labels(X + np.inf, np.zeros(6, int)), "not finite"),
    ],
)
def test_wrong_data_are_refused_with_the_repair(call, text):
    with pytest.raises(DataError, match=text):
        call()


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (Matern, "the class Matern(.|\\n)*pass Matern(.|\\n)*length_scale"),
        (WIDE.kernel(), "pass kernel.nngp"),
        (WIDE, r"pass network.kernel\(\).nngp"),
        (3.0, "found: +float(.|\\n)*an object of riesz.kernels"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, text):
    with pytest.raises(ModelError, match=text):
        GaussianProcess(kernel)


def test_holes_of_a_grid_are_not_observed():
    present = np.array([True, True, False, True, True])
    sea = MaskedGrid(GRID, present)
    values = Values(sea, np.where(present, np.arange(5.0), np.nan)[:, None], 0.1)
    np.testing.assert_array_equal(values.values, [[0], [1], [3], [4]])
    np.testing.assert_allclose(values.points, np.asarray(GRID.coordinates)[present])
    mean = PRIOR.condition(values).marginal(on=sea).mean
    assert mean.discretization == sea and mean.values[2] == 0


def test_results_print_their_numbers():
    posterior = PRIOR.condition(Values(X, Y, 0.1))
    law = posterior.marginal(on=X)
    mean, deviation = np.asarray(law.mean), np.asarray(law.standard_deviation)
    text = repr(law)
    assert text.startswith("Normal at 6 points of 1 channel: mean ")
    assert f"{mean.min():.4g} to {mean.max():.4g}" in text
    assert text.endswith(f"standard deviation {deviation.min():.4g} to {deviation.max():.4g}")
    assert "at 5 points" in repr(PRIOR.marginal(on=GRID))
    assert "given 6 observations, by Cholesky(), converged" in repr(posterior)
    assert "length_scale=0.4" in repr(posterior) and "mean=0.3" in repr(posterior)
    assert "StudentT at" in repr(StudentTProcess(PRIOR, 2.0, 2.0).marginal(on=X))
    assert "noise=0.1" in repr(Values(X, Y, 0.1))
    traced = []
    jax.jit(lambda x: traced.append(repr(PRIOR.marginal(on=x))) or x)(jnp.asarray(X))
    assert traced[0].startswith("Normal(")


def test_kernels_print_their_numbers():
    text = repr(jnp.asarray(0.25) * SquaredExponential(jnp.asarray([0.5, 2.0])))
    assert text == "0.25 * SquaredExponential([0.5, 2.0])"
