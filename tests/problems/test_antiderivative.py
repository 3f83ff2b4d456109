import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Points
from riesz.errors import DomainError, SolverError
from riesz.functions import Function
from riesz.problems import Antiderivative, CellIntegrals


def error(nodes, resolution):
    problem = Antiderivative(solver=CellIntegrals(nodes))
    grid = problem.discretization(resolution)
    a = Function.from_callable(lambda x: 7 * jnp.cos(7 * x + 1), grid)
    exact = Function.from_callable(lambda x: jnp.sin(7 * x + 1) - jnp.sin(1.0), grid)
    return float((problem.solve(a) - exact).norm("Linf"))


@pytest.mark.parametrize("nodes", ["vertex", "left", "right", "centre"])
def test_order_6_on_equispaced_nodes(nodes, x64):
    errors = [error(nodes, n) for n in (64, 128)]
    assert 5.9 < np.log2(errors[0] / errors[1]) < 6.3 and errors[1] < 1e-9


def test_spectral_on_chebyshev_nodes(x64):
    assert error("chebyshev", 16) < 1e-6 and error("chebyshev", 32) < 1e-13


def test_exact_for_polynomials_of_degree_5(x64):
    problem = Antiderivative()
    grid = problem.discretization(9)
    a = Function.from_callable(lambda x: 6 * x**5 - 2 * x, grid)
    x = grid.coordinates
    np.testing.assert_allclose(problem.solve(a).values, x**6 - x**2, atol=1e-14)


def test_inputs_have_the_documented_law(getkey):
    problem = Antiderivative()
    grid = problem.discretization(16)
    sample = jax.vmap(lambda k: problem.sample_input(grid, key=k).values[:, 0])
    values = np.asarray(jax.jit(sample)(jax.random.split(getkey(), 4000)))
    found = values.T @ values / 4000
    x = np.arange(17) / 16
    np.testing.assert_allclose(found, np.exp(-12.5 * (x[:, None] - x) ** 2), atol=0.1)


def test_refuses_points_and_values_that_are_not_finite():
    problem = Antiderivative()
    points = jnp.asarray([[0.1], [0.7]])
    a = Function(jnp.ones((2, 1)), Points(problem.input_space.domain, points))
    with pytest.raises(DomainError, match=r"(?s)cannot use this input.*Points.*discretization"):
        problem.solve(a)
    # values that are not finite arise in compiled code only
    bad = jax.jit(lambda v: Function(v, problem.discretization(8)))(jnp.full((9, 1), jnp.inf))
    with pytest.raises(SolverError, match=r"(?s)Antiderivative.solve.*not finite.*repair"):
        problem.solve(bad)
    assert not problem.solution(bad).converged
    assert jax.jit(problem.solve)(bad).values.shape == (9, 1)
