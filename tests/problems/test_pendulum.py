import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DomainError
from riesz.functions import Function
from riesz.problems import Pendulum


def error(resolution):
    """Against s = t^2 e^-t, with the force that makes it the motion."""
    problem = Pendulum(duration=2.0, stiffness=3.0, velocity=True)
    grid = problem.discretization(resolution)
    t = grid.coordinates
    angle, velocity = t**2 * jnp.exp(-t), (2 * t - t**2) * jnp.exp(-t)
    force = (2 - 4 * t + t**2) * jnp.exp(-t) + 3.0 * jnp.sin(angle)
    u = problem.solve(Function(force, grid))
    exact = Function(jnp.concatenate([angle, velocity], 1), grid, problem.output_space)
    residual = problem.residual(Function(force, grid), u).norm("Linf")
    return float((u - exact).norm("Linf")), float(residual)


def test_order_4_and_a_vanishing_residual(x64):
    (coarse, _), (middle, first), (fine, second) = error(32), error(64), error(128)
    assert 3.9 < np.log2(middle / fine) < 4.1 and np.log2(coarse / middle) > 3.8
    assert fine < 1e-8 and second < 0.1 * first < 1e-5


def test_the_angle_alone_has_the_second_order_residual(getkey, x64):
    problem = Pendulum()
    a = problem.sample_input(problem.discretization(64), key=getkey())
    u = problem.solve(a)
    assert u.channels == 1 and u.space.names == ("angle",) and float(u.values[0, 0]) == 0
    assert problem.residual(a, u).norm() < 1e-4 * a.norm()
    both = Pendulum(velocity=True).solve(a)
    np.testing.assert_array_equal(both.values[:, :1], u.values)


def test_needs_both_ends_as_nodes():
    problem = Pendulum()
    grid = type(problem.discretization(8))(problem.input_space.domain, 8, "centre")
    with pytest.raises(DomainError, match=r"(?s)a Grid with vertex nodes.*centre.*discretization"):
        problem.solve(Function(jnp.ones((8, 1)), grid))
