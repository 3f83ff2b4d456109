"""What every problem must do, as one check."""

from collections.abc import Callable
from math import inf, log2

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from riesz.domains import AbstractDiscretization
from riesz.errors import SolverError
from riesz.functions import AbstractSymmetry, Function, Translation, relative_error, take
from riesz.problems import (
    PROBLEMS,
    AbstractEvolution,
    AbstractProblem,
    FourierETDRK4,
    NavierStokes,
    TwoPhase,
)

# One of each registered problem to check, cheap enough to be solved some twenty times.
PROBLEM_INSTANCES: dict[str, Callable[[], AbstractProblem]] = {
    **PROBLEMS,
    "navier-stokes": lambda: NavierStokes(1e-2, 0.5, solver=FourierETDRK4(steps=64, modes=48)),
    "two-phase": lambda: TwoPhase(0.1, 2.0, 0.03),
}


def check_problem(problem: AbstractProblem, *, key: PRNGKeyArray, resolution: int = 16) -> None:
    """Check a problem against its contract, at 1, 2, 4 (in 1-D also 8) times `resolution`.

    - The same key gives the same input at every resolution, and its solutions converge.
    - Refining a smooth input, solutions converge at least at the declared order (less 0.25;
      at least order 6 when spectral accuracy is declared), or are exact up to rounding.
    - The residual of solutions is small, and shrinks or is at rounding.
    - jit and vmap change nothing; gradients agree with finite differences.
    - Of an evolution, two steps are as good as one of twice their length.
    - Declared symmetries hold, and outputs vanish on the boundary if declared.
    - Bad input is reported in `converged`, and `solve` raises.

    Works in float32 and in float64, where its tolerances are tighter: run it under
    `jax.enable_x64(True)` to measure high orders.

    **Raises:** `AssertionError`, which says what was expected and what was found.
    """
    check = _Check(problem, key, resolution)
    check.inputs()
    check.order()
    check.residual()
    check.transformations()
    check.gradient()
    check.steps()
    for symmetry in problem.symmetries:
        check.symmetry(symmetry)
    check.failure()


class _Check:
    def __init__(self, problem: AbstractProblem, key: PRNGKeyArray, resolution: int):
        self.problem, self.key = problem, key
        # on a line finer grids are cheap, and show the order of small errors
        factors = (1, 2, 4, 8) if problem.input_space.domain.dim == 1 else (1, 2, 4)
        self.grids = [problem.discretization(resolution * factor) for factor in factors]
        self.solve = jax.jit(problem.solution)
        finest, smooth = self.grids[-1], problem.smooth()
        self.draws = [_draw(problem, grid, finest, key) for grid in self.grids]
        self.other = _draw(problem, self.grids[0], finest, jax.random.fold_in(key, 1))
        same = smooth is problem
        self.smooth = self.draws if same else [_draw(smooth, g, finest, key) for g in self.grids]
        self.smooth_solutions = [self.solved(a) for a in self.smooth]
        self.double = self.smooth[0].values.dtype == jnp.float64

    def require(self, condition: Array | bool, what: str, expected: object, found: object) -> None:
        if not bool(condition):
            name = type(self.problem).__name__
            raise AssertionError(f"{name}: {what}\n  expected: {expected}\n  found:    {found}")

    def solved(self, a: Function) -> Function:
        solution = self.solve(a)
        self.require(
            solution.converged,
            f"the solver converges on {a.discretization.shape}",
            "converged",
            f"not converged after {int(solution.iterations)} iterations",
        )
        return solution.function

    def tolerance(self, single: float, double: float) -> float:
        return double if self.double else single

    def inputs(self) -> None:
        problem, (a, b, c) = self.problem, self.draws[-3:]
        u, v, w = (self.solved(x) for x in (a, b, c))
        for space, f in ((problem.input_space, a), (problem.output_space, u)):
            self.require(
                space.accepts(f.space), "functions are of the declared space", space, f.space
            )
        floor = self.tolerance(1e-4, 1e-9)
        for name, coarse, middle, fine in (("inputs", a, b, c), ("solutions", u, v, w)):
            first, second = _distance(coarse, fine), _distance(middle, fine)
            self.require(
                second < max(floor, first) and first < 0.5,
                f"{name} of one key converge as the grid is refined",
                f"distances to the finest that decrease from less than 0.5, or below {floor}",
                f"{first:.3g}, {second:.3g}",
            )
        if problem.zero_boundary and w.discretization.grid is not None:
            edge = float(jnp.abs(_on_boundary(w)).max() / w.norm("Linf"))
            self.require(edge < 0.05, "outputs vanish on the boundary", "< 0.05", f"{edge:.3g}")

    def order(self) -> None:
        u, v, w = self.smooth_solutions[-3:]
        # |u_h - u_(h/2)| / |u_(h/2) - u_(h/4)| = 2^order
        first, second = _distance(u, v), _distance(v, w)
        floor = self.tolerance(1e-4, 1e-9)
        order = log2(first / second) if second > 0 else inf
        wanted = min(self.problem.order, 6.25) - 0.25
        self.require(
            second < floor or order >= wanted,
            f"solutions converge at the declared order {self.problem.order}",
            f"order at least {wanted}, or differences below {floor}",
            f"order {order:.2f}, differences {first:.3g}, {second:.3g}",
        )

    def residual(self) -> None:
        residual = self.problem.residual
        # |r(a, u)| / |r(a, 2 u)|
        ratio = jax.jit(lambda a, u: residual(a, u).norm() / residual(a, u * 2).norm())
        pairs = zip(self.smooth, self.smooth_solutions, strict=True)
        sizes = [float(ratio(a, u)) for a, u in pairs]
        floor = self.tolerance(2e-2, 1e-6)
        self.require(
            sizes[-1] < 2e-2 and (sizes[-1] < floor or sizes[-1] < sizes[0]),
            "the residual vanishes at the solution",
            f"below 0.02 of that of twice the solution, and shrinking or below {floor}",
            ", ".join(f"{size:.3g}" for size in sizes),
        )

    def transformations(self) -> None:
        inputs = self.draws[0], self.other
        plain = self.problem.solution(inputs[0]).function.values
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *inputs)
        mapped = jax.jit(jax.vmap(self.problem.solution))(stacked).function.values
        jitted = [self.solve(a).function.values for a in inputs]
        allowed = self.tolerance(1e-4, 1e-8)
        for name, got, want in (
            ("jit", jitted[0], plain),
            ("vmap", mapped[0], plain),
            ("vmap", mapped[1], jitted[1]),
        ):
            error = float(jnp.abs(got - want).max() / jnp.abs(want).max())
            self.require(error < allowed, f"{name} changes nothing", f"< {allowed}", f"{error:.3g}")

    def gradient(self) -> None:
        a = self.smooth[0]
        size = self.smooth_solutions[0].values.shape
        weight = jax.random.normal(jax.random.fold_in(self.key, 2), size)
        direction = self.other.values / jnp.abs(self.other.values).max()

        def functional(values):
            u = self.problem.solution(Function(values, a.discretization, a.space)).function
            # J(a) = mean(weight u(a))
            return jnp.mean(weight * u.values)

        value = jax.jit(functional)
        slope = jax.jit(jax.grad(functional))(a.values)
        self.require(jnp.isfinite(slope).all(), "gradients are finite", "finite", slope)
        step, allowed = self.tolerance(3e-3, 1e-4), self.tolerance(5e-2, 1e-4)
        # (J(a + h d) - J(a - h d)) / (2 h) = J'(a) d
        forward = value(a.values + step * direction) - value(a.values - step * direction)
        difference = float(forward / (2 * step))
        along = float(jnp.vdot(slope, direction))
        # relative to |J'(a) d| + |J'(a)| |d| / 100
        scale = abs(along) + 0.01 * float(jnp.linalg.norm(slope) * jnp.linalg.norm(direction))
        self.require(
            abs(along - difference) <= allowed * scale,
            "the gradient with respect to the input agrees with a finite difference",
            difference,
            along,
        )

    def steps(self) -> None:
        if not isinstance(self.problem, AbstractEvolution):
            return
        a, u, half = self.smooth[-1], self.smooth_solutions[-1], self.problem.time / 2
        found = eqx.filter_jit(self.problem.trajectory)(a, 3, half)
        # u(T/2 + T/2) = u(T)
        error, allowed = _distance(take(found.function, 2), u), self.tolerance(1e-4, 1e-6)
        self.require(
            found.converged and error < allowed,
            "two half steps are one step",
            f"convergence and a distance below {allowed}",
            f"converged {found.converged}, {error:.3g}",
        )

    def symmetry(self, symmetry: AbstractSymmetry) -> None:
        a, u = self.smooth[0], self.smooth_solutions[0]
        grid = self.grids[0]
        element = jnp.ones((), a.values.dtype)
        if isinstance(symmetry, Translation):
            # a whole number of cells, about a third of the axis
            element = element * (max(1, grid.shape[symmetry.axis] // 3) / grid.shape[symmetry.axis])
        moved = symmetry.apply(a, element)
        got = self.solved(moved.resample(grid))
        want = symmetry.apply(u, element).resample(grid)
        change = _distance(want, u)
        error = _distance(got, want)
        # by whole cells of the grid the solver commutes up to rounding, else up to its own error
        exact = _nodes_to_nodes(moved, grid)
        allowed = self.tolerance(1e-3, 1e-7) if exact else _distance(u, self.smooth_solutions[1])
        self.require(change > 2 * allowed, f"{symmetry} moves the test function", "moved", change)
        self.require(
            error <= allowed,
            f"the solution of a moved input is the moved solution, under {symmetry}",
            f"relative distance at most {allowed:.3g}",
            f"{error:.3g}",
        )

    def failure(self) -> None:
        draw = self.draws[0]  # NaN is put behind the constructor, which does not take it
        a = eqx.tree_at(lambda f: f.values, draw, jnp.full_like(draw.values, jnp.nan))
        converged = self.solve(a).converged
        self.require(not converged, "an input of NaN is reported", "converged False", converged)
        try:
            self.problem.solve(a)
        except SolverError:
            return
        self.require(False, "solve raises for an input of NaN", "SolverError", "a function")


@eqx.filter_jit
def _draw(
    problem: AbstractProblem,
    on: AbstractDiscretization,
    finest: AbstractDiscretization,
    key: PRNGKeyArray,
) -> Function:
    return problem.sample_input(on, key=key, finest=finest)


def _distance(coarse: Function, fine: Function) -> float:
    """Relative L2 distance on the coarse function's grid."""
    return float(_relative(coarse, fine))


@jax.jit
def _relative(coarse: Function, fine: Function) -> Array:
    return relative_error(coarse, fine.resample(coarse.discretization))


def _on_boundary(u: Function) -> Array:
    domain = u.domain
    # centres of the faces of the box
    middle = (np.asarray(domain.lower) + np.asarray(domain.upper)) / 2
    points = []
    for axis in (i for i, circle in enumerate(domain.periodic) if not circle):
        for end in (domain.lower[axis], domain.upper[axis]):
            points.append([*middle[:axis], end, *middle[axis + 1 :]])
    return u.at(jnp.asarray(points))


def _nodes_to_nodes(moved: Function, on: AbstractDiscretization) -> bool:
    """Whether the points of a moved function are those of a grid."""
    there, grid = moved.discretization.grid, on.whole
    if there is None or grid is None or there.tensor is not None:
        return True
    ends = zip(
        there.axis_coordinates,
        grid.axis_coordinates,
        grid.domain.lengths,
        grid.domain.periodic,
        strict=True,
    )
    for x, here, length, circle in ends:
        # distances of all pairs of nodes in lengths of the axis, on circles the shorter way
        gap = (x[:, None] - here[None]) / length
        gap = gap - jnp.round(gap) if circle else gap
        if float(jnp.abs(gap).min(1).max()) > 1e-5:
            return False
    return True
