"""Burgers' equation against the Cole-Hopf solution, and its distribution of inputs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, Torus
from riesz.errors import DataError, DomainError
from riesz.functions import Function
from riesz.problems import Burgers, FourierETDRK4


def initial(x, xp=jnp):
    return xp.sin(2 * np.pi * x) + 0.5 * xp.cos(4 * np.pi * x)


def cole_hopf(x, time, viscosity, mean=0.0):
    """The exact solution from `initial` + mean: the trapezoidal rule on the heat kernel.

    u(x, t) = mean + <(x - mean t - y) / t>, the mean being weighted by
    exp(-(P(y) + (x - mean t - y)^2 / (2 t)) / (2 viscosity)), P' = initial.
    """
    reach = np.sqrt(2 * viscosity * time) * 9 + 1
    shift = np.linspace(-reach, reach, 8001)
    y = (x - mean * time)[:, None] - shift
    potential = (1 - np.cos(2 * np.pi * y)) / (2 * np.pi) + np.sin(4 * np.pi * y) / (8 * np.pi)
    exponent = -(potential + shift**2 / (2 * time)) / (2 * viscosity)
    weight = np.exp(exponent - exponent.max(1, keepdims=True))
    return mean + (weight * shift).sum(1) / time / weight.sum(1)


def solve(problem, resolution, mean=0.0):
    a = Function.from_callable(lambda x: initial(x) + mean, problem.discretization(resolution))
    return a, eqx.filter_jit(problem.solution)(a)


def size(problem, a, u):
    return float(eqx.filter_jit(problem.residual)(a, u).norm("Linf"))


def error(problem, resolution, mean=0.0):
    a, solution = solve(problem, resolution, mean)
    x = np.arange(resolution) / resolution
    exact = cole_hopf(x, problem.time, problem.equation.viscosity, mean)
    return float(np.abs(solution.function.values[:, 0] - exact).max())


@pytest.mark.parametrize("viscosity", [0.1, 0.01])
@pytest.mark.parametrize("mean", [0.0, 0.7])
def test_agrees_with_cole_hopf(x64, viscosity, mean):
    problem = Burgers(viscosity)
    assert error(problem, 32, mean) < 1e-8
    assert bool(solve(problem, 32, mean)[1].converged)


@pytest.mark.parametrize("viscosity", [0.1, 0.01])
def test_single_precision_is_accurate(viscosity):
    assert error(Burgers(viscosity), 64) < 1e-5


@pytest.mark.parametrize("viscosity", [0.1, 0.01])
def test_order_in_time_is_four(x64, viscosity):
    steps = (160, 320) if viscosity == 0.1 else (400, 800)
    problems = (Burgers(viscosity, 0.5, solver=FourierETDRK4(steps=n)) for n in steps)
    coarse, fine = (error(problem, 32) for problem in problems)
    assert abs(np.log2(coarse / fine) - FourierETDRK4.time_order) < 0.3


def test_converges_spectrally_in_space(x64):
    solvers = (FourierETDRK4(modes=k, steps=1024) for k in (12, 24, 48))
    errors = [error(Burgers(0.02, 0.5, solver=solver), 16) for solver in solvers]
    assert errors[0] > 1e-5
    # an error exp(-c k) is squared when the modes are doubled
    assert errors[1] < 30 * errors[0] ** 1.7 and errors[2] < 1e-9
    assert FourierETDRK4.order == np.inf


def test_failure_is_a_status():
    unresolved = Burgers(0.003, solver=FourierETDRK4(modes=40))
    a, solution = solve(unresolved, 32)
    assert not bool(solution.converged)
    _, careless = solve(Burgers(0.01, solver=FourierETDRK4(steps=8)), 32)
    assert not bool(careless.converged)
    broken = eqx.filter_jit(lambda a: unresolved.solution(a + jnp.nan))(a)
    assert not bool(broken.converged)
    _, fine = solve(Burgers(0.01, solver=FourierETDRK4(steps=400)), 32)
    assert bool(fine.converged) and int(fine.iterations) == 400


def space_time(problem, resolution, times):
    """A trajectory as a function on time x space, and its status."""
    a, _ = solve(problem, resolution)
    found = eqx.filter_jit(problem.trajectory)(a, times)
    domain = Interval(0.0, (times - 1) * problem.time) * Torus(0.0, 1.0)
    grid = Grid(domain, (times, resolution))
    return a, Function(found.function.values, grid), found


def test_trajectory(x64):
    problem = Burgers(0.05, time=0.5 / 8)
    a, u, found = space_time(problem, 64, 9)
    assert bool(found.converged) and int(found.iterations) == 8 * 128
    np.testing.assert_array_equal(u.values[0], a.values)
    x = np.arange(64) / 64
    for row in (1, 4, 8):
        exact = cole_hopf(x, 0.5 * row / 8, 0.05)
        np.testing.assert_allclose(u.values[row, :, 0], exact, atol=1e-8)


def test_the_equation_holds_on_time_x_space(x64):
    sizes = []
    for times in (17, 33):
        problem = Burgers(0.05, time=0.25 / (times - 1))
        a, u, _ = space_time(problem, 64, times)
        sizes.append(float(jnp.abs(problem.equation.residual(a, u)).max()))
        points = jnp.asarray([[0.13, 0.4], [0.21, 0.77]])
        between = float(jnp.abs(problem.equation.residual(a, u, points)).max())
        assert between < 2 * sizes[-1]
    assert sizes[1] < sizes[0] / 10
    assert float(jnp.abs(problem.equation.residual(a, u * 1.1)).max()) > 10 * sizes[1]


def test_residual_of_an_end_state_is_its_error(x64):
    problem = Burgers(0.1, 0.5, solver=FourierETDRK4(steps=160))
    a, solution = solve(problem, 32)
    u = solution.function
    own = size(problem, a, u)
    np.testing.assert_allclose(own, error(problem, 32) * 15 / 16, rtol=0.1)
    np.testing.assert_allclose(size(problem, a, u + 0.25), 0.25, atol=1e-5)
    assert size(problem, a, u.resample(problem.discretization(48))) < 1.5 * own


def test_law_of_initial_states(getkey):
    problem = Burgers()
    grid = problem.discretization(32)
    keys = jax.random.split(getkey(), 2000)
    draw = jax.jit(jax.vmap(lambda k: problem.sample_input(grid, key=k).values[:, 0]))
    values = draw(keys)
    spectrum = np.mean(np.abs(np.fft.rfft(values, norm="forward")) ** 2, 0)
    k = np.arange(17)
    # a cosine and a sine mode of variance s contribute s / 2 each to |c_k|^2
    expected = 625 / ((2 * np.pi * k) ** 2 + 25) ** 2
    np.testing.assert_allclose(spectrum[1:16], expected[1:16], rtol=0.15)
    assert spectrum[0] < 1e-10


def test_samples_in_bulk(getkey):
    problem = Burgers()
    grid = problem.discretization(64)

    @jax.jit
    def draw(keys):
        return jax.vmap(lambda k: problem.solution(problem.sample_input(grid, key=k)))(keys)

    out = draw(jax.random.split(getkey(), 32))
    assert out.function.values.shape == (32, 64, 1) and bool(out.converged.all())


@pytest.mark.parametrize("index", [0, 1])
def test_symmetries(x64, index):
    problem = Burgers(0.05, 0.3, solver=FourierETDRK4(modes=16))
    symmetry = problem.symmetries[index]
    a, solution = solve(problem, 33)
    element = jnp.asarray((0.37, 1.0)[index])
    moved = symmetry.apply(a, element).resample(a.discretization)
    out = eqx.filter_jit(problem.solution)(moved).function
    expected = symmetry.apply(solution.function, element).resample(a.discretization)
    np.testing.assert_allclose(out.values, expected.values, atol=1e-9)
    assert float(jnp.abs(out.values - solution.function.values).max()) > 0.1


def test_is_differentiable(x64):
    problem = Burgers(0.1, 0.2, solver=FourierETDRK4(steps=16))
    a, _ = solve(problem, 16)

    @jax.jit
    def energy(scale):
        return problem.solution(a * scale).function.norm()

    slope = float(jax.grad(energy)(jnp.asarray(1.0)))
    difference = float(energy(jnp.asarray(1 + 1e-5)) - energy(jnp.asarray(1 - 1e-5))) / 2e-5
    assert abs(slope - difference) < 1e-7


def test_refuses_what_it_cannot_solve():
    with pytest.raises(DataError, match="viscosity=-0.1"):
        Burgers(-0.1)
    with pytest.raises(DataError, match="steps=0"):
        Burgers(solver=FourierETDRK4(steps=0))
    with pytest.raises(DomainError, match="problem.discretization"):
        Burgers().solution(Function.from_callable(jnp.sin, Grid(Interval(0, 1), 8)))
