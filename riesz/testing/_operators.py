"""The contract of an operator.

A new operator joins every check by one line in `OPERATOR_INSTANCES`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz.domains import (
    AbstractDiscretization,
    AbstractDomain,
    Box,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Interval,
    MaskedGrid,
    Mesh,
    Point,
    Space,
    Torus,
)
from riesz.functions import (
    AbstractSymmetry,
    Assembly,
    Function,
    Pairs,
    Reflection,
    Translation,
    Transposition,
    batch,
)
from riesz.functions.internal import same_points
from riesz.operators import (
    FNO,
    GNO,
    AbstractOperator,
    Assembled,
    Corrected,
    DeepONet,
    MIONet,
    Normalised,
    Regridded,
    Symmetrised,
    ZeroDirichlet,
    apply,
    baselines,
    trainable,
)
from riesz.testing._saving import comes_back

Nodes = Callable[[AbstractDomain, int], AbstractDiscretization]


class OperatorCase(NamedTuple):
    """An operator with the nodes to try it on and what it declares there.

    `nodes`: as for `Grid`, or a function that makes the discretization from a domain and a size.
    `order`: of convergence when the grid of the input is refined. `symmetries`: with which the
    operator commutes.
    """

    operator: AbstractOperator
    nodes: "str | None | Nodes" = None
    order: float = 2.0
    symmetries: tuple[AbstractSymmetry, ...] = ()


_BOX, _CIRCLE = Space(Box((0.0, 0.0), (1.0, 1.0))), Space(Torus(0.0, 1.0))
_LINE = Space(Interval(0.0, 1.0))
_FLOW = Space(Interval(0.0, 1.0) * Torus(0.0, 2.0), 2)
_CUBE = Space(Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
_APART = Assembly({"a": _BOX, "edge": _CIRCLE, "nu": Space(Point(), 2)}, apart=True).space
_SQUARE = (Reflection(0), Reflection(1), Transposition(0, 1))
_KEY = jax.random.key(0)


def _small(source: Space, target: Space, **options: Any) -> FNO:
    return FNO(source, target, modes=3, width=4, layers=2, key=_KEY, **options)


def _uneven(domain: AbstractDomain, size: int) -> Grid:
    """Smoothly stretched nodes along every axis with ends."""
    t = np.linspace(0, 1, size)
    # increasing, as 0.24 pi < 1
    stretched = t + 0.12 * np.sin(2 * np.pi * t)
    ends = zip(domain.lower, domain.lengths, domain.periodic, strict=True)
    nodes = ["uniform" if circle else low + length * stretched for low, length, circle in ends]
    return Grid(domain, size, nodes)


def _holed(domain: AbstractDomain, size: int) -> MaskedGrid:
    """Cells with a hole that is a union of cells of every size divisible by 4."""
    grid = Grid(domain, size, "centre")
    unit = (np.arange(size) + 0.5) / size
    # the hole |x_i - 1/2| < 1/4 for all i
    inside = np.stack(np.meshgrid(*[np.abs(unit - 0.5) < 0.25] * domain.dim, indexing="ij"))
    return MaskedGrid(grid, ~inside.all(0))


def _mesh(domain: AbstractDomain, size: int) -> Mesh:
    """Triangles, half as many squares along each axis."""
    return Mesh.rectangle(domain.lower, domain.upper, size // 2)


def _graph(space: Space, **options: Any) -> GNO:
    return GNO(space, space, width=4, layers=2, rank=2, hidden=4, key=_KEY, **options)


def _made(domain: AbstractDomain, size: int, nodes: "str | None | Nodes") -> AbstractDiscretization:
    if isinstance(domain, DisjointUnion):
        return DisjointPoints(domain, [_made(one, size, nodes) for one in domain.domains])
    return nodes(domain, size) if callable(nodes) else Grid(domain, size, nodes)


def _baseline(name: str) -> AbstractOperator:
    """A baseline of a few smooth functions, on nodes between which functions stay smooth."""
    inputs = [smooth_input(_BOX, 10, "chebyshev", shift) for shift in (0.0, 0.7, 1.1, 2.0, 2.9)]
    a = jnp.stack([f.values for f in inputs])
    grid = inputs[0].discretization
    # u = 2 a^2 + a
    pairs = Pairs(batch(a, grid, _BOX), batch(2 * a**2 + a, grid, _BOX))
    return baselines(pairs, key=_KEY)[name]


def _assembled() -> AbstractOperator:
    """From a field and a number to a field and a number."""
    sides = (
        Assembly({"a": _BOX, "nu": Space(Point())}),
        Assembly({"u": _BOX, "drag": Space(Point())}),
    )
    return Assembled(_small(sides[0].space, sides[1].space), sides)


OPERATOR_INSTANCES: dict[str, Callable[[], OperatorCase]] = {
    "FNO vertex": lambda: OperatorCase(_small(_BOX, _BOX)),
    "FNO left": lambda: OperatorCase(_small(_BOX, _BOX), "left", 1.0),
    "FNO centre": lambda: OperatorCase(_small(_BOX, _BOX), "centre"),
    "FNO chebyshev": lambda: OperatorCase(_small(_BOX, _BOX), "chebyshev", 4.0),
    "FNO uneven": lambda: OperatorCase(_small(_BOX, _BOX), _uneven),
    "FNO masked": lambda: OperatorCase(_small(_BOX, _BOX), _holed, 1.0),
    "FNO circle": lambda: OperatorCase(
        _small(_CIRCLE, _CIRCLE, coordinates=False), None, 4.0, (Translation(0),)
    ),
    "FNO time x circle": lambda: OperatorCase(_small(_FLOW, _FLOW)),
    "FNO cube": lambda: OperatorCase(FNO(_CUBE, _CUBE, modes=2, width=2, layers=1, key=_KEY)),
    "DeepONet": lambda: OperatorCase(
        DeepONet(_BOX, _BOX, sensors=4, width=8, basis=4, key=_KEY), None, 4.0
    ),
    "DeepONet masked": lambda: OperatorCase(
        DeepONet(_BOX, _BOX, sensors=4, width=8, basis=4, key=_KEY), _holed, 1.0
    ),
    "MIONet": lambda: OperatorCase(
        MIONet(_APART, _APART, sensors=4, width=8, basis=4, key=_KEY), None, 4.0
    ),
    "GNO mesh": lambda: OperatorCase(_graph(_BOX, radius=0.5, share=0.2), _mesh),
    "GNO masked": lambda: OperatorCase(_graph(_LINE, radius=0.4), _holed, 1.0),
    "GNO circle": lambda: OperatorCase(
        _graph(_CIRCLE, radius=0.3, coordinates=False), None, 4.0, (Translation(0),)
    ),
    "symmetrised FNO": lambda: OperatorCase(
        Symmetrised(_small(_BOX, _BOX), _SQUARE), "left", 1.0, _SQUARE
    ),
    "normalised FNO, zero on the boundary": lambda: OperatorCase(
        ZeroDirichlet(Normalised(_small(_BOX, _BOX)))
    ),
    "assembled FNO": lambda: OperatorCase(_assembled()),
    "training mean": lambda: OperatorCase(_baseline("training mean"), None, 4.0),
    "persistence": lambda: OperatorCase(_baseline("persistence"), None, 4.0),
    "pointwise linear": lambda: OperatorCase(_baseline("pointwise linear"), None, 4.0),
    "PCA + ridge": lambda: OperatorCase(_baseline("PCA + ridge"), None, 4.0),
    "nearest neighbours": lambda: OperatorCase(_baseline("nearest neighbours"), None, 4.0),
    "FNO on top of PCA + ridge": lambda: OperatorCase(
        Corrected(_small(_BOX, _BOX), _baseline("PCA + ridge"), jnp.full(1, 0.1))
    ),
    "regridded FNO": lambda: OperatorCase(
        Regridded(_small(_BOX, _BOX), Grid(_BOX.domain, 12, "chebyshev")), None, 4.0
    ),
}


def check_operator(case: OperatorCase | AbstractOperator) -> None:
    """Check that an operator keeps the contract of Riesz.

    Spaces, `on`, jit, vmap, grad, one compilation for each shape, save and load, the symmetries
    it declares, and convergence of its outputs at the declared order when the grid of one
    input is refined. Raises `AssertionError` with the name of the broken promise.
    """
    if isinstance(case, AbstractOperator):
        case = OperatorCase(case)
    for name, check in OPERATOR_CHECKS.items():
        try:
            check(case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def smooth_input(
    space: Space, size: int, nodes: "str | None | Nodes", shift: float = 0.0
) -> Function:
    """A smooth function of the space, periodic where its domain is; on a point numbers."""
    on = _made(space.domain, size, nodes)
    parts = zip(space.components, on.parts, strict=True)
    values = [_smooth(one, part, shift).values for one, part in parts]
    return Function(on.joined(values), on, space)


def _smooth(space: Space, on: AbstractDiscretization, shift: float) -> Function:
    domain = space.domain

    def f(*x):
        # turn_i = 2 pi (x_i - a_i) / length_i + shift
        turns = [
            2 * jnp.pi * (t - a) / length + shift
            for t, a, length in zip(x, domain.lower, domain.lengths, strict=True)
        ] or [jnp.asarray(shift)]
        total = sum(turns[1:], turns[0])
        # sin(sum_i turn_i + c) + cos(turn_0 - c) / 2 in channel c
        return [jnp.sin(total + c) + 0.5 * jnp.cos(turns[0] - c) for c in range(space.channels)]

    return Function.from_callable(f, on, space)


def _close(found: Any, expected: Any, tolerance: float = 2e-5) -> None:
    scale = float(np.max(np.abs(np.asarray(expected)))) + 1e-12
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def _spaces(case: OperatorCase) -> None:
    """Outputs are functions of the output space, where they were asked for."""
    operator = case.operator
    a = smooth_input(operator.input_space, 12, case.nodes)
    u = operator(a)
    assert u.space == operator.output_space, f"output space {u.space}"
    assert same_points(u.discretization, a.discretization, False), "by default where the input is"
    other = _made(operator.output_space.domain, 8, case.nodes)
    there = operator(a, other)
    assert same_points(there.discretization, other, False), "`on` says where the output is"
    assert bool(jnp.isfinite(there.values).all()), "finite values"
    assert bool(jnp.isfinite(u.values).all()), "finite values"


def _transforms(case: OperatorCase) -> None:
    """Jit, vmap and `apply` change nothing."""
    operator, space = case.operator, case.operator.input_space
    members = [smooth_input(space, 12, case.nodes, shift) for shift in (0.0, 0.3, 1.0)]
    plain = jnp.stack([operator(a).values for a in members])
    together = batch(jnp.stack([a.values for a in members]), members[0].discretization, space)
    _close(eqx.filter_jit(operator)(members[0]).values, plain[0])
    _close(jax.vmap(operator)(together).values, plain)
    _close(apply(operator, together).values, plain)


def _gradients(case: OperatorCase) -> None:
    """Every parameter has a finite gradient, and some influence."""
    a = smooth_input(case.operator.input_space, 12, case.nodes)
    parameters, rest = eqx.partition(case.operator, trainable(case.operator))

    @jax.jit
    def gradient(parameters):
        return jax.grad(lambda p: eqx.combine(p, rest)(a).norm("L2"))(parameters)

    for leaf in jax.tree.leaves(gradient(parameters)):
        assert bool(jnp.isfinite(leaf).all()), "finite gradients"
        assert bool((leaf != 0).any()), f"a parameter of shape {leaf.shape} has no influence"


def _compilations(case: OperatorCase) -> None:
    """One compilation for each shape, whatever the values and the weights."""
    traces = []

    @eqx.filter_jit
    def call(operator, a):
        traces.append(a.values.shape)
        return operator(a)

    space = case.operator.input_space
    heavier = jax.tree.map(lambda x: 2 * x, case.operator)
    for size in (12, 14):
        call(case.operator, smooth_input(space, size, case.nodes))
        call(heavier, smooth_input(space, size, case.nodes, 0.5))
    assert len(traces) == 2, f"{len(traces)} compilations for 2 shapes"


def _round_trip(case: OperatorCase) -> None:
    """Saving and loading gives the same operator, bit for bit."""
    comes_back(case.operator)


def _symmetry(case: OperatorCase) -> None:
    """The operator commutes with the symmetries it declares."""
    a = smooth_input(case.operator.input_space, 64, case.nodes)
    for g in case.symmetries:
        element = g.draw(jax.random.key(1))
        grid = a.discretization
        moved = g.apply(a, element).resample(grid)
        expected = g.apply(case.operator(a), element).resample(grid).values
        # the moved input is sampled anew, so agreement is up to the order of the grid
        _close(case.operator(moved).values, expected, 1e-4 if case.order > 2 else 0.1)


def _points(domain: AbstractDomain) -> Array:
    """Points within a domain."""
    unit = jax.random.uniform(jax.random.key(2), (40, domain.dim), minval=0.1, maxval=0.9)
    return jnp.asarray(domain.lower) + unit * jnp.asarray(domain.lengths)


def _refinement(case: OperatorCase) -> None:
    """Outputs converge at the declared order when the grid of one input is refined."""
    operator, space = case.operator, case.operator.input_space
    domain = operator.output_space.domain
    points = [_points(one.domain) for one in operator.output_space.components]
    sizes = [12 * 2**level for level in range(4)]
    if not callable(case.nodes) and len(points) == 1:
        sizes = [Grid(domain, 12, case.nodes).refine(2**level).shape[0] for level in range(4)]

    @eqx.filter_jit
    def answer(operator, size):
        parts = operator(smooth_input(space, size, case.nodes)).components
        return jnp.concatenate([f.at(x).ravel() for f, x in zip(parts, points, strict=True)])

    outputs = [np.asarray(answer(operator, size)) for size in sizes]
    # |u_h - u_finest| at h, h / 2 and h / 4
    gaps = [np.abs(u - outputs[-1]).max() for u in outputs[:-1]]
    scale = np.abs(outputs[-1]).max()
    if gaps[-1] < 1e-4 * scale:
        return  # converged to what float32 and the finest grid resolve
    # gaps fall by 4^order
    rate = np.log2(gaps[0] / gaps[-1]) / 2
    assert rate > case.order - 0.5, f"order {rate:.2f}, declared {case.order}; gaps {gaps}"


OPERATOR_CHECKS: dict[str, Callable[[OperatorCase], None]] = {
    "spaces": _spaces,
    "transforms": _transforms,
    "gradients": _gradients,
    "compilations": _compilations,
    "round trip": _round_trip,
    "symmetries": _symmetry,
    "refinement": _refinement,
}
