"""Evaluation on a problem: the same functions at every resolution, and the speed of its solver."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Space, Torus
from riesz.errors import RunError, SolverError
from riesz.evaluation._measure import Tally
from riesz.evaluation._reference import Reference
from riesz.functions import Function
from riesz.kernels import PowerSpectrum
from riesz.operators import AbstractOperator
from riesz.problems import AbstractEquation, AbstractProblem, AbstractReferenceSolver, Solution
from riesz.processes import AbstractProcess, random_field

SPACE = Space(Torus(0.0, 1.0))


class Derived(AbstractEquation):
    """u = a'."""

    input_space = SPACE
    output_space = SPACE


class Differences(AbstractReferenceSolver):
    """Central differences, of order 2."""

    order = 2.0
    fails: bool = eqx.field(static=True)

    def discretization(self, equation, resolution):
        return Grid(SPACE.domain, resolution)

    def solution(self, equation, a):
        v, n = a.values, a.values.shape[0]
        values = (jnp.roll(v, -1, 0) - jnp.roll(v, 1, 0)) * (n / 2)
        good = a.values[0, 0] < 1 if self.fails else jnp.asarray(True)
        return Solution(Function(values, a.discretization, SPACE), good, jnp.asarray(1))


class Slope(AbstractProblem):
    """Inputs are c cos(2 pi x) + s sin(2 pi x) with normal c and s."""

    equation: AbstractEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(self, fails=False, inputs=None, solver=None):
        one = PowerSpectrum(0.5 * (1 + 4 * np.pi**2), 1.0, 1.0, zero_mean=True)
        self.equation, self.solver = Derived(), solver or Differences(fails)
        self.inputs = inputs or random_field(SPACE, one, waves=1)


class Derivative(AbstractOperator):
    """The exact derivative, times a factor."""

    factor: float
    input_space = property(lambda self: SPACE)
    output_space = property(lambda self: SPACE)

    def __call__(self, a, on=None):
        out = a.derivative(0) * self.factor
        return out if on is None else out.resample(on)


def order_two(n):
    """The solver's relative error on n points: 1 - sin(h) / h, with h the angle of a cell."""
    h = 2 * np.pi / n
    return 1 - np.sin(h) / h


@pytest.mark.long
def test_each_sample_is_the_same_function_at_every_resolution():
    report = riesz.evaluate(
        Derivative(1.1), Slope(), resolutions=(16, 32, 128), n=6, key=jax.random.key(0), chunk=4
    )
    assert [r.resolution for r in report.results] == [(16,), (32,), (128,)]
    assert report.reference == "the solver at resolution 128"
    # against the finest solver, so that coarse resolutions do not blame the solver's error
    expected = 1.1 / (1 - order_two(128)) - 1
    for result in report.results:
        assert result.n == 6
        values = [result.relative_l2.mean, result.relative_linf.mean, result.relative_l2.worst]
        assert np.allclose(values, expected, rtol=1e-3)


@pytest.mark.long
def test_speed_at_the_same_accuracy():
    for factor, resolution, coarser in ((1.1, 8, 7), (1.02, 20, 16), (1.0, 96, 80)):
        report = riesz.evaluate(
            Derivative(factor), Slope(), resolutions=(128,), n=3, key=jax.random.key(0)
        )
        (result,) = report.results
        speed, error = result.speed, result.relative_l2.mean
        if factor > 1:
            assert order_two(resolution) <= error < order_two(coarser)
        assert speed.solver_resolution == resolution
        exact = (1 - order_two(resolution)) / (1 - order_two(128))
        assert np.isclose(speed.solver_error, abs(1 - exact), rtol=0.02, atol=1e-6)
        assert speed.ratio == pytest.approx(speed.solver_seconds / result.seconds_per_function)
        record = report.to_json()["results"][0]
        assert record["speed"]["solver_resolution"] == resolution
        assert record["resolution"] == 128


class Crude(Differences):
    """Differences times 1 + crude, with which the work falls."""

    fails: bool = eqx.field(static=True, default=False)
    crude: float = eqx.field(static=True, default=0.0)

    def cheaper(self, equation, on):
        return (Crude(crude=self.crude + 0.5), Crude(crude=self.crude + 0.01))

    def solution(self, equation, a):
        found = super().solution(equation, a)
        return Solution(found.function * (1 + self.crude), found.converged, found.iterations)


def test_the_solver_is_as_cheap_as_the_accuracy_allows():
    problem = Slope(solver=Crude())
    reference = Reference(problem, 128, jax.random.split(jax.random.key(0), 3))
    resolution, solver = reference.cheapest(0.075)
    # the solver lies below the derivative at 10 points, by 6.5%, and may lie 7.5% above it
    most = 1.075 * (1 - order_two(128)) / (1 - order_two(10)) - 1
    assert resolution == 10 and most - 0.01 < solver.crude <= most
    assert reference.solver_error(resolution, solver) <= 0.075
    assert reference.cheapest(0.0) == (128, problem.solver)


def test_samples_are_fresh_and_those_of_the_key():
    # pair i of problem.sample(n, grid, key=key) has the key fold_in(key, i)
    problem, key = Slope(), jax.random.key(3)
    tag = jax.random.fold_in(key, riesz.evaluation._evaluate._TEST_SET)
    fold = jax.vmap(jax.random.fold_in, (None, 0))
    keys = fold(tag, jnp.arange(3))
    reference = Reference(problem, 32, keys)
    training, test = reference.inputs(16, fold(key, jnp.arange(3))), reference.inputs(16, keys)
    assert not np.isclose(test.values, training.values).all((1, 2)).any()
    seen = []
    measure = Derivative(1.0)
    with pytest.MonkeyPatch.context() as patch:
        add = Tally.add
        patch.setattr(Tally, "add", lambda t, p, n: (seen.append(p.inputs), add(t, p, n)))
        riesz.evaluate(measure, problem, resolutions=(16,), n=3, key=key)
    assert np.allclose(seen[0].values, test.values, atol=1e-6)
    assert reference.output_place(16) == problem.discretization(16)


def test_what_a_problem_needs():
    problem, operator = Slope(), Derivative(1.0)
    with pytest.raises(RunError) as caught:
        riesz.evaluate(operator, problem, resolutions=(16,))
    assert str(caught.value).startswith("evaluating on a problem needs its key")
    with pytest.raises(RunError, match="evaluating on a problem needs its resolutions"):
        riesz.evaluate(operator, problem, key=jax.random.key(0))
    with pytest.raises(SolverError) as caught:
        riesz.evaluate(operator, Slope(fails=True), resolutions=(16,), n=20, key=jax.random.key(0))
    text = str(caught.value)
    assert text.startswith("the reference solver did not converge for a sample of the test set")
    assert "where:    riesz.evaluate: Slope, sample" in text
