"""Two-phase flow against balances, a travelling front and refined solutions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError
from riesz.functions import Function
from riesz.problems import ImplicitPressure, TwoPhase


def rock(problem, resolution, f=lambda x, y: jnp.sin(3 * x + 2 * y)):
    return Function.from_callable(f, problem.discretization(resolution), problem.input_space)


def solve(problem, a):
    return eqx.filter_jit(problem.solution)(a)


def distance(u, v):
    return float((u - v).norm() / v.norm())


def test_order_in_time_is_two(x64):
    found = []
    for steps in (24, 48, 96):
        problem = TwoPhase(0.1, 2.0, 0.03, solver=ImplicitPressure(steps))
        found.append(solve(problem, rock(problem, 16)).function)
    coarse, fine = distance(*found[:2]), distance(*found[1:])
    assert abs(np.log2(coarse / fine) - ImplicitPressure.time_order) < 0.3


def test_water_that_was_injected_is_there(x64):
    problem = TwoPhase(time=0.05)
    solution = solve(problem, rock(problem, 32))
    assert bool(solution.converged)
    # nothing has reached the boundary; the well's density beyond it is below 1e-8
    assert abs(float(solution.function.integral()[0]) - 0.05) < 1e-6
    assert float(solution.function.values.min()) > -1e-9
    assert float(solution.function.values.max()) < 1


def even_rock(time, ratio, cells=1500):
    """In an even rock s depends on the area A = pi r^2: s_t + (f(s) Q(A))_A = Q_A, by upwinding.

    Q(A) = 1 - exp(-A / (2 pi 0.08^2)) is what the well injects inside of A.
    """
    faces = np.linspace(0, 0.6, cells + 1)
    injected = 1 - np.exp(-faces / (2 * np.pi * 0.08**2))
    s, width, steps = np.zeros(cells), faces[1], int(4 * time * cells / 0.6)
    for _ in range(steps):
        share = ratio * s**2 / (ratio * s**2 + (1 - s) ** 2)
        out = injected * np.concatenate([[0], share])
        s = s + time / steps / width * (np.diff(injected) - np.diff(out))
    return np.sqrt((faces[1:] + faces[:-1]) / 2 / np.pi), s


def test_the_front_in_an_even_rock_is_that_of_one_dimension():
    problem = TwoPhase(0.1, 2.0, 0.0005)
    u = solve(problem, rock(problem, 96, lambda x, y: 0 * x)).function
    row, x = np.asarray(u.values[48, 48:, 0]), np.linspace(0, 0.5, 49)
    expected = np.interp(x, *even_rock(0.1, 2.0))
    assert np.abs(row - expected).mean() < 0.02 * expected.max()
    other = np.interp(x, *even_rock(0.11, 2.0))
    assert np.abs(row - other).mean() > 0.02 * expected.max()


def test_water_prefers_permeable_rock():
    problem = TwoPhase(time=0.05)
    a = rock(problem, 24, lambda x, y: jnp.where(x > 0.5, 2.0, 0.0) + 0 * y)
    u = solve(problem, a).function.values[..., 0]
    assert float(u[14:].mean()) > 1.5 * float(u[:11].mean())


def test_a_constant_factor_of_the_permeability_changes_nothing(x64):
    problem = TwoPhase(time=0.05)
    a = rock(problem, 16)
    u, v = (solve(problem, x).function for x in (a, a + 1.5))
    assert distance(v, u) < 1e-6


def test_failure_is_a_status():
    problem = TwoPhase(0.1)
    a = rock(problem, 24)
    assert bool(solve(problem, a).converged)
    assert not bool(solve(TwoPhase(0.1, solver=ImplicitPressure(2)), a).converged)
    one = ImplicitPressure(tolerance=1e-6, max_iterations=1)
    assert not bool(solve(TwoPhase(0.1, solver=one), a).converged)


def test_cheaper_solvers_do_less():
    problem = TwoPhase(0.1)
    on, solver = problem.discretization(24), problem.solver
    crude, fewer = solver.cheaper(problem.equation, on)
    assert (crude.steps, crude.tolerance) == (10, 0.03)
    assert (fewer.steps, fewer.tolerance) == (7, 0.01)
    last = ImplicitPressure(1, 0.1)
    assert last.cheaper(problem.equation, on) == ()


def test_law_of_inputs(getkey):
    problem = TwoPhase()
    on = problem.discretization(4)
    draw = jax.jit(jax.vmap(lambda k: problem.sample_input(on, key=k).values[..., 0]))
    values = np.asarray(draw(jax.random.split(getkey(), 4000)))
    assert abs(values.std() - 1) < 0.05
    neighbours = np.mean(values[:, 1:] * values[:, :-1])
    assert abs(neighbours - np.exp(-(0.25**2) / (2 * 0.2**2))) < 0.05


def test_requires_a_flow_that_is_defined():
    with pytest.raises(DataError, match="dispersion"):
        TwoPhase(dispersion=0.0)
