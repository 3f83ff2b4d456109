import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Torus
from riesz.errors import DataError, DomainError, SolverError
from riesz.functions import Function
from riesz.problems import Darcy, DarcyFiniteVolumes, Pieces

BOX = Box((0.0, 1.0), (2.0, 2.0))


def coefficient(x, y):
    return jnp.exp(0.7 * jnp.sin(2 * x + y))


def pressure(x, y):
    return jnp.sin(jnp.pi * x / 2) * jnp.sin(jnp.pi * (y - 1)) * jnp.exp(0.5 * x)


def source(x, y):
    """Left side of the equation for that pressure, by differentiation."""

    def flux(i):
        return lambda x, y: coefficient(x, y) * jax.grad(pressure, i)(x, y)

    def one(x, y):
        return -jax.grad(flux(0), 0)(x, y) - jax.grad(flux(1), 1)(x, y)

    return jax.vmap(jax.vmap(one))(x, y)


@pytest.mark.parametrize("nodes", ["vertex", "centre", "left"])
def test_order_2_for_a_smooth_coefficient(nodes, x64):
    problem = Darcy(domain=BOX, source=source, solver=DarcyFiniteVolumes(nodes))
    assert problem.symmetries == ()
    errors = []
    for n in (24, 48):
        a = Function.from_callable(coefficient, problem.discretization(n))
        exact = Function.from_callable(pressure, problem.discretization(n))
        u = problem.solve(a)
        errors.append(float((u - exact).norm() / exact.norm()))
    assert abs(np.log2(errors[0] / errors[1]) - 2) < 0.1 and errors[1] < 5e-3


def layers(low, high):
    """w(x) sin(pi y) with continuous flux a w' = 1 - s x, and its source; a jumps at 1/2."""
    s = (0.5 / low + 0.5 / high) / (0.125 / low + 0.375 / high)

    def profile(x):
        left = (x - s * x**2 / 2) / low
        right = -((1 - x) - s * (1 - x**2) / 2) / high
        return jnp.where(x < 0.5, left, right)

    a = lambda x, y: jnp.where(x < 0.5, low, high) + 0 * y  # noqa: E731
    u = lambda x, y: profile(x) * jnp.sin(jnp.pi * y)  # noqa: E731
    f = lambda x, y: (s + a(x, y) * jnp.pi**2 * profile(x)) * jnp.sin(jnp.pi * y)  # noqa: E731
    return a, u, f


def test_layers_of_contrast_100_are_solved_to_order_2(x64):
    a, u, f = layers(1.0, 100.0)
    problem, errors = Darcy(source=f), []
    for n in (17, 51):  # the jump lies half-way between nodes
        exact = Function.from_callable(u, problem.discretization(n))
        got = problem.solve(Function.from_callable(a, problem.discretization(n)))
        errors.append(float((got - exact).norm() / exact.norm()))
    assert np.log(errors[0] / errors[1]) / np.log(3) > 1.9 and errors[1] < 2e-3


def test_one_dimensional_layers_in_series_are_exact(x64):
    """Far from the short ends of a long box the solution is that of an interval."""
    domain = Box((0.0, -5.0), (1.0, 5.0))
    problem = Darcy(domain=domain, source=1.0)
    grid = type(problem.discretization(4))(domain, (34, 41), "vertex")
    a = Function.from_callable(lambda x, y: jnp.where(x < 0.5, 1.0, 10.0) + 0 * y, grid)
    middle = np.asarray(problem.solve(a).values[:, 20, 0])
    x = np.asarray(grid.axis_coordinates[0])
    flux = (0.125 / 1 + 0.375 / 10) / (0.5 / 1 + 0.5 / 10)
    left = flux * x - x**2 / 2
    right = (flux * (x - 1) - (x**2 - 1) / 2) / 10
    np.testing.assert_allclose(middle, np.where(x < 0.5, left, right), atol=3e-4)


def test_the_same_key_gives_the_same_pieces_on_every_grid(getkey):
    problem, key = Darcy(), getkey()
    grids = [problem.discretization(n) for n in (16, 32, 288)]
    sample = jax.jit(lambda k: [problem.sample_input(grid, key=k).values for grid in grids])
    coarse, middle, fine = sample(key)
    np.testing.assert_array_equal(coarse, middle[::2, ::2])
    np.testing.assert_array_equal(middle, fine[::9, ::9])
    assert set(np.unique(fine)) == {3.0, 12.0}


def test_iterations_and_the_residual_do_not_depend_on_the_resolution(getkey, x64):
    problem, key = Darcy(coefficient=Pieces(100.0, 1.0)), getkey()
    solve = jax.jit(problem.solution)
    steps = []
    for n in (16, 64):
        a = problem.sample_input(problem.discretization(n), key=key)
        solution = solve(a)
        assert solution.converged
        assert problem.residual(a, solution.function).norm() < 1e-6
        steps.append(int(solution.iterations))
    assert steps[1] < steps[0] + 30 and max(steps) < 120


def test_single_precision_keeps_four_digits_at_contrast_100(getkey):
    problem = Darcy(coefficient=Pieces(100.0, 1.0))
    a = problem.sample_input(problem.discretization(64), key=getkey())
    u = jax.jit(problem.solution)(a).function.values
    with jax.enable_x64(True):
        wide = Function(np.asarray(a.values, float), a.discretization, problem.input_space)
        exact = np.asarray(jax.jit(problem.solution)(wide).function.values)
    assert np.abs(u - exact).max() < 1e-4 * np.abs(exact).max()


def test_failure_is_a_status_with_finite_values(getkey):
    problem = Darcy(solver=DarcyFiniteVolumes(max_iterations=2))
    a = problem.sample_input(problem.discretization(16), key=getkey())
    solution = problem.solution(a)
    assert not solution.converged and solution.iterations == 2
    with pytest.raises(SolverError, match=r"(?s)Darcy.solve.*no convergence after 2 iter.*repair"):
        problem.solve(a)
    for bad in (-a, jax.jit(lambda a: a * jnp.nan)(a), a * 0):
        solution = problem.solution(bad)
        assert not solution.converged and jnp.isfinite(solution.function.values).all()


def test_undefined_problems_are_refused():
    with pytest.raises(DataError, match=r"(?s)defined on a rectangle.*found"):
        Darcy(domain=Torus((0, 0), (1, 1)))
    with pytest.raises(DataError, match=r"(?s)coefficients are positive.*0.0 and 1.0"):
        Darcy(coefficient=Pieces(0.0, 1.0))
    chebyshev = Darcy(solver=DarcyFiniteVolumes("chebyshev"))
    a = Function.from_callable(coefficient, chebyshev.discretization(4))
    with pytest.raises(DomainError, match=r"(?s)cannot use this input.*or centre nodes.*chebyshev"):
        chebyshev.solution(a)


def test_cheaper_solvers_have_larger_tolerances():
    problem = Darcy()
    on = problem.discretization(8)
    (crude,) = problem.solver.cheaper(problem.equation, on)
    assert np.isclose(crude.tolerance, 1e-5) and crude.nodes == problem.solver.nodes
    assert DarcyFiniteVolumes(tolerance=0.05).cheaper(problem.equation, on) == ()
