"""The parts of a problem: equation, process of inputs and solver, each replaced by another."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Grid, Mesh, Region, Space
from riesz.errors import DomainError, ModelError, SolverError
from riesz.evaluation._reference import Reference, sample_keys
from riesz.functions import Field, Function, take
from riesz.kernels import Periodic, SquaredExponential
from riesz.objectives import Residual
from riesz.operators import AbstractOperator
from riesz.problems import (
    AbstractEquation,
    AbstractProblem,
    AbstractReferenceSolver,
    Antiderivative,
    Burgers,
    Darcy,
    FourierETDRK4,
    NavierStokes,
    Solution,
)
from riesz.problems._conjugate_gradient import conjugate_gradient
from riesz.problems.internal import digest
from riesz.processes import AbstractProcess, GaussianProcess, Rescaled

KEY = jax.random.key(3)
SMOOTH = GaussianProcess(SquaredExponential(0.3))


def close(u, v, tolerance):
    return float((u - v).norm()) < tolerance * float(v.norm())


def test_any_process_is_a_distribution_of_inputs():
    burgers = Burgers(0.1, 0.2, inputs=GaussianProcess(Periodic(1.0, 1.0)))
    pairs = burgers.sample(3, 32, key=KEY)
    assert pairs.inputs.values.shape == (3, 32, 1)
    darcy = Darcy(inputs=SMOOTH)
    pieces = darcy.sample(3, 16, key=KEY).inputs.values
    assert set(np.unique(pieces)) == {3.0, 12.0}
    positive = Darcy(inputs=SMOOTH, coefficient=jnp.exp).sample(2, 16, key=KEY).inputs.values
    assert positive.min() > 0 and len(np.unique(positive)) > 100
    # the distribution is that of the process
    grid = darcy.discretization(16)
    drawn = Darcy(inputs=SMOOTH, coefficient=jnp.exp).sample_input(grid, key=KEY)
    np.testing.assert_allclose(np.log(drawn.values), SMOOTH.draw(grid, key=KEY).values, atol=1e-5)
    with pytest.raises(DomainError, match="do not fit"):
        Darcy(inputs=GaussianProcess(SquaredExponential(0.3), channels=2)).sample(1, 8, key=KEY)


def test_draws_that_depend_on_the_points_are_made_once_for_all_resolutions():
    assert not SMOOTH.pathwise and not Rescaled(SMOOTH, [0.0], [1.0]).pathwise
    assert Burgers().inputs.pathwise and Rescaled(Burgers().inputs, [0.0], [2.0]).pathwise
    problem = Antiderivative(inputs=SMOOTH)
    plain, refined = (problem.sample(2, 16, key=KEY, refine=r) for r in (1, 8))
    for i in range(2):
        a, u = (jax.tree.map(jnp.asarray, take(f, i)) for f in (refined.inputs, refined.outputs))
        assert close(problem.solve(a), u, 2e-3)  # the solution of the input beside it
    assert np.abs(plain.inputs.values - refined.inputs.values).max() > 0.1
    reference = Reference(problem, 64, sample_keys(KEY, 2))
    coarse, fine = (reference.inputs(r, reference.keys) for r in (16, 64))
    for i in range(2):
        assert close(take(fine, i).resample(take(coarse, i).discretization), take(coarse, i), 1e-4)


class Upwind(AbstractReferenceSolver):
    """Explicit differences of order 1, for Burgers' equation."""

    order = 1.0
    steps: int = eqx.field(static=True, default=2000)

    def discretization(self, equation, resolution):
        return Grid(equation.input_space.domain, resolution)

    def solution(self, equation, a):
        n, h = a.discretization.shape[0], equation.time / self.steps

        def step(_, u):
            left, right = jnp.roll(u, 1, 0), jnp.roll(u, -1, 0)
            slope = jnp.where(u > 0, u - left, right - u) * n
            return u + h * (equation.viscosity * (right - 2 * u + left) * n**2 - u * slope)

        values = jax.lax.fori_loop(0, self.steps, step, a.values)
        u = Function(values, a.discretization, equation.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(self.steps))


def test_a_solver_is_replaced():
    spectral, upwind = Burgers(0.1, 0.2).smooth(), Burgers(0.1, 0.2, solver=Upwind()).smooth()
    assert (upwind.order, spectral.order) == (1.0, np.inf)
    errors = []
    for n in (32, 64):
        a = spectral.sample_input(spectral.discretization(n), key=KEY)
        u = spectral.solve(a)
        errors.append(float((upwind.solve(a) - u).norm() / u.norm()))
    assert errors[1] < 0.6 * errors[0] < 0.06


def test_steps_make_up_a_solution_to_the_order_of_the_solver(x64):
    whole = Burgers(0.05, 0.4).smooth()
    a = whole.sample_input(whole.discretization(64), key=KEY)
    u = whole.solve(a)
    one, two = (Burgers(0.05, 0.1, solver=FourierETDRK4(steps=n)) for n in (8, 16))
    found = [eqx.filter_jit(p.trajectory)(a, 5) for p in (one, two)]
    assert [int(f.iterations) for f in found] == [32, 64]
    errors = [float((take(f.function, 4) - u).norm()) for f in found]
    assert abs(np.log2(errors[0] / errors[1]) - 4) < 0.3
    stepped = whole.step(whole.step(a, 0.1), 0.3)
    assert close(stepped, u, 1e-7) and close(whole.step(a), u, 1e-14)
    np.testing.assert_array_equal(take(found[0].function, 0).values, a.values)


def test_trajectories_begin_with_the_inputs_of_samples():
    problem = NavierStokes(0.05, 0.1).smooth()
    states = problem.trajectories(3, 16, times=4, key=KEY, batch=2)
    pairs = problem.sample(3, 16, key=KEY)
    assert isinstance(states.values, np.ndarray) and states.values.shape == (3, 4, 16, 16, 1)
    np.testing.assert_allclose(states.values[:, 0], pairs.inputs.values, atol=1e-5)
    np.testing.assert_allclose(states.values[:, 1], pairs.outputs.values, atol=1e-4)
    failing = NavierStokes(1e-4, 0.1, solver=FourierETDRK4(8, 8))
    with pytest.raises(SolverError, match=r"(?s)did not converge for sample 0.*NavierStokes"):
        failing.trajectories(2, 16, times=3, key=KEY)
    with pytest.raises(SolverError, match=r"NavierStokes.step"):
        failing.step(failing.sample_input(failing.discretization(16), key=KEY))


def test_the_equation_of_an_input_is_fitted_without_data():
    problem = Darcy().smooth()
    a = problem.sample_input(problem.discretization(32), key=KEY)
    u, equation = problem.solve(a), problem.equation
    inside = jnp.asarray([[0.3, 0.4], [0.6, 0.55]])
    size = jnp.abs(equation.residual(a, u, inside)).max()
    assert size < 0.05 * jnp.abs(equation.residual(a, u * 2, inside)).max()
    np.testing.assert_allclose(
        equation.residual(a, u)[9, 17, 0],
        equation.residual(a, u, jnp.asarray([[9 / 32, 17 / 32]]))[0, 0],
        rtol=1e-3,
    )
    given = equation(a, points=1000)
    random = riesz.problems._equation.random_points(problem.input_space.domain, 1000, KEY)
    counts = np.histogramdd(np.asarray(random), bins=31, range=[(0, 1)] * 2)[0]
    assert random.shape == (961, 2) and (counts == 1).all()
    # the solution makes the energy smallest
    energies = [float(given.energy(u * factor, KEY)) for factor in (0.8, 1.0, 1.2)]
    assert energies[1] < min(energies[0], energies[2]) and energies[1] < 0
    start = Field.mlp(problem.output_space, width=8, depth=1, zero_boundary=True, key=KEY)
    assert Residual(equation(a))(start, None, KEY).shape == ()
    with pytest.raises(ModelError, match=r"(?s)no residual at points.*NavierStokesEquation"):
        NavierStokes().equation.residual(a, u)


def test_a_file_is_of_one_description(tmp_path):
    problems = (
        Darcy(),
        Darcy().smooth(),
        Darcy(source=2.0),
        Darcy(inputs=SMOOTH),
        Darcy(inputs=GaussianProcess(SquaredExponential(0.4))),
        Darcy(solver=riesz.problems.DarcyFiniteVolumes("left")),
    )
    assert len({digest(problem) for problem in problems}) == len(problems)
    assert digest(Darcy()) == digest(Darcy())
    own = Darcy(source=lambda x, y: x * y)
    with pytest.raises(ModelError, match=r"(?s)cannot be written.*Darcy.sample.*source"):
        own.sample(1, 8, key=KEY, path=tmp_path / "own.h5")
    assert len(own.sample(1, 8, key=KEY)) == 1


class Poisson(AbstractEquation):
    """-Laplace u = a on the disk, u = 0 on its boundary."""

    input_space = Space(Region(2), names=("a",))
    output_space = Space(Region(2), names=("u",))
    zero_boundary = True


class FiniteElements(AbstractReferenceSolver):
    """Linear elements on a disk that is refined `resolution` times."""

    order = 2.0

    def discretization(self, equation, resolution):
        return Mesh.disk(refinements=resolution)

    def solution(self, equation, a):
        mesh, n = a.discretization, a.values.shape[0]
        unit = jnp.eye(n)
        inner = jnp.asarray(mesh.boundary == 0)
        stiffness = jax.vmap(
            lambda v: jax.grad(lambda w: mesh.energy(w, v[:, None])[0])(jnp.zeros((n, 1)))[:, 0]
        )(unit)
        mass = jax.grad(lambda w: mesh.inner(w, a.values)[0])(jnp.zeros((n, 1)))[:, 0]
        matrix = jnp.where(inner[:, None], stiffness, unit)
        values = jnp.linalg.solve(matrix, jnp.where(inner, mass, 0))
        u = Function(values[:, None], mesh, equation.output_space)
        return Solution(u, jnp.isfinite(values).all(), jnp.asarray(1))


class OnDisk(AbstractProblem):
    equation: AbstractEquation
    inputs: AbstractProcess
    solver: AbstractReferenceSolver

    def __init__(self):
        self.equation, self.solver = Poisson(), FiniteElements()
        self.inputs = GaussianProcess(SquaredExponential(0.5), mean=1.0)


class Tenth(AbstractOperator):
    """G(a) = a / 10."""

    input_space = Poisson.input_space
    output_space = Poisson.output_space

    def __call__(self, a, on=None):
        u = Function(a.values / 10, a.discretization, self.output_space)
        return u if on is None else u.resample(on)


@pytest.mark.long
def test_a_problem_on_a_mesh_is_sampled_written_and_evaluated(tmp_path):
    problem = OnDisk()
    ones = Function.from_callable(lambda x, y: 1 + 0 * x, problem.discretization(3))
    exact = Function.from_callable(lambda x, y: (1 - x**2 - y**2) / 4, problem.discretization(3))
    assert close(problem.solve(ones), exact, 0.03)
    pairs = problem.sample(3, 2, key=KEY)
    file = problem.sample(3, 2, key=KEY, path=tmp_path / "disk.h5")
    np.testing.assert_allclose(file.all().outputs.values, pairs.outputs.values, atol=1e-6)
    finer = problem.sample(2, 2, key=KEY, refine=2)
    assert finer.outputs.values.shape == (2, *pairs.outputs.values.shape[1:])
    with pytest.raises(DomainError, match="no refinement"):
        problem.sample(2, problem.discretization(2), key=KEY, refine=2)
    report = riesz.evaluate(Tenth(), problem, resolutions=(1, 2), n=3, key=KEY)
    assert [r.n for r in report.results] == [3, 3]
    assert all(0 < r.relative_l2.mean < 1 for r in report.results)


def test_conjugate_gradients_need_a_positive_definite_preconditioner():
    right = jnp.ones(3)
    for sign, expected in ((1.0, True), (-1.0, False)):
        solution, converged, _ = conjugate_gradient(
            lambda x: 2 * x, right, lambda r, s=sign: s * r, 1e-6, 10
        )
        assert bool(converged) == expected
    assert (solution == 0).all()
