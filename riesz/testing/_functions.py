"""The contract of a discretization and of functions on it.

A new discretization joins every check by one line in `DISCRETIZATIONS`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from riesz.domains import (
    AbstractDiscretization,
    AbstractProductDomain,
    Box,
    DisjointPoints,
    DisjointUnion,
    Grid,
    Interval,
    MaskedGrid,
    Mesh,
    MovedGrid,
    Point,
    Points,
    Space,
    Torus,
)
from riesz.functions import Function, Norm

_KINDS: tuple[Norm, ...] = ("L1", "L2", "Linf", "H1")


def check_function(subject: Function | AbstractDiscretization) -> None:
    """Check that a discretization, or a function on it, keeps the contract of Riesz.

    Weights are a quadrature, evaluation interpolates, the pytree can be taken apart and put
    together, `jit` and `vmap` change nothing, norms are norms. Raises `AssertionError` with
    the name of the broken promise.
    """
    f = subject if isinstance(subject, Function) else sample(subject)
    for name, check in FUNCTION_CHECKS.items():
        try:
            check(f)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def sample(discretization: AbstractDiscretization) -> Function:
    """A smooth function, periodic where the domain is, with two channels on each domain."""
    if isinstance(discretization.domain, DisjointUnion):
        values = [sample(part).values for part in discretization.parts]
        return Function(discretization.joined(values), discretization)
    low, lengths = _ends(discretization)

    def f(*x):
        turns = [
            2 * jnp.pi * (t - a) / length for t, a, length in zip(x, low, lengths, strict=True)
        ]
        first = turns[0] if turns else 0.0  # Point has no coordinates
        return 1.5 + jnp.sin(sum(turns, 0.0)), jnp.cos(first)

    return Function.from_callable(f, discretization)


def _ends(on: AbstractDiscretization) -> tuple[np.ndarray, np.ndarray]:
    """The lower ends and the lengths of the domain, or of the box around the points."""
    domain = on.domain
    if isinstance(domain, AbstractProductDomain):
        return np.asarray(domain.lower), np.asarray(domain.lengths)
    points = np.asarray(on.coordinates)[np.asarray(on.weights) > 0]
    low, high = points.min(0), points.max(0)
    return low, np.where(high > low, high - low, 1)


def _measure(f: Function) -> float:
    """The volume of the domain, or of the mesh where the domain has none of its own."""
    known = f.domain.measure
    return float(np.sum(f.discretization.weights, dtype=float)) if known is None else known


def _listed(on: AbstractDiscretization) -> Array:
    """All coordinates, (points, d)."""
    return on.coordinates.reshape(on.weights.size, on.domain.dim)


def _close(found: Any, expected: Any, loose: float = 1.0) -> None:
    found = np.asarray(found)
    tolerance = loose * (1e-9 if found.dtype == np.float64 else 2e-4)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=tolerance, atol=tolerance)


def _present(f: Function) -> np.ndarray:
    return np.asarray(np.asarray(f.discretization.weights) > 0)  # also of one point


def _volume(f: Function) -> None:
    """The weights are not negative and sum to the volume, or to that of the present part."""
    weights = np.asarray(f.discretization.weights)
    assert weights.shape == f.discretization.shape, "one weight per point"
    known = f.discretization.mask
    mask = np.ones(weights.shape, bool) if known is None else np.asarray(known)
    assert (weights[mask] > 0).all(), "weights are positive"
    assert (weights[~mask] == 0).all(), "padding has weight zero"
    whole = f.discretization.grid
    # the volume of the present part over that of the domain
    part = 1.0 if whole is None else np.asarray(whole.weights)[mask].sum() / _measure(f)
    _close(weights.sum() / _measure(f), part)


def _integrals(f: Function) -> None:
    """Constants, and in boxes coordinates of axes with ends, have the right integrals.

    An inner product with a constant is an integral.
    """
    for part in f.components:
        _integrals_of(part)
    _close(jnp.sum(f.integral()), sum(jnp.sum(part.integral()) for part in f.components))


def _integrals_of(f: Function) -> None:
    grid, domain = f.discretization, f.domain
    if grid.grid is not None:
        grid = grid.grid  # the whole of a masked grid
    constant = Function.from_callable(lambda *x: 2.0, grid)
    _close(constant.integral() / _measure(f), 2.0)
    # <1, f> = sum over channels of int f
    one, scale = Function(jnp.ones_like(f.values), f.discretization), float(f.norm()) + 1
    _close(one.inner(f) / scale, jnp.sum(f.integral()) / scale)
    if not isinstance(domain, AbstractProductDomain):
        return
    for i, length in enumerate(domain.lengths):
        if not domain.periodic[i]:
            # int (x_i - a_i) dx = |domain| length_i / 2
            linear = Function.from_callable(lambda *x, i=i: x[i] - domain.lower[i], grid)
            _close(linear.integral() / domain.volume / length, 0.5)


def _interpolates(f: Function) -> None:
    """`at` the points gives the values."""
    for part in f.components:
        points = _listed(part.discretization)
        values = part.values.reshape(-1, part.channels)
        keep = _present(part).reshape(-1)
        _close(part.at(points)[keep], values[keep], 10.0)


def _resamples(f: Function) -> None:
    """Resampling onto the function's own points changes nothing."""
    assert (f.resample(f.discretization).values == f.values).all(), "resample to itself"


def _constants(f: Function) -> None:
    """Derivatives and energies of constants vanish."""
    for part in f.components:
        _constants_of(part)


def _constants_of(f: Function) -> None:
    constant = Function(jnp.ones_like(f.values), f.discretization)
    # a(1, f) = 0
    energy = f.discretization.energy(constant.values, f.values) / (1 + float(f.norm("H1")))
    _close(energy * min(_ends(f.discretization)[1], default=1.0), 0.0, 20.0)
    for axis, length in enumerate(_ends(f.discretization)[1]):
        slope = jax.jit(Function.derivative, static_argnums=1)(constant, axis)
        _close(slope.values * length, 0.0, 20.0)


def _pytree(f: Function) -> None:
    """Flatten and unflatten give the function back."""
    leaves, tree = jax.tree.flatten(f)
    again = jax.tree.unflatten(tree, leaves)
    assert again.domain == f.domain and again.space == f.space, "domain and space"
    for x, y in zip(jax.tree.leaves(again), leaves, strict=True):
        assert (x == y).all(), "leaves"
    (again + f).norm()


def _everything(f: Function) -> tuple[Array, ...]:
    values = (f.integral(), f.inner(f), f.norm("L1"), f.norm(), f.norm("Linf"), f.norm("H1"))
    for part in f.components:
        points = _listed(part.discretization)[:5]
        keep = (part.discretization.weights > 0)[..., None]
        slope = [jnp.where(keep, part.derivative(i).values, 0) for i in range(part.domain.dim)][:1]
        values = (*values, part.at(points.astype(f.values.dtype)), *slope)
    return *values, (2 * f - f).values


def _compiles(f: Function) -> None:
    """`jit` and `vmap` change nothing."""
    plain = _everything(f)
    compiled = jax.jit(_everything)(f)
    twice = jax.tree.map(lambda x: jnp.stack([x, x]), f)
    mapped = jax.jit(jax.vmap(_everything))(twice)
    for a, b, c in zip(plain, compiled, mapped, strict=True):
        assert a.dtype == b.dtype == c.dtype == f.values.dtype, "values keep their type"
        scale = 1 + float(np.abs(a).max())
        _close(np.asarray(b) / scale, np.asarray(a) / scale, 10.0)
        _close(np.asarray(c) / scale, np.stack([a, a]) / scale, 10.0)


@jax.jit
def _norm_table(f: Function) -> tuple[Array, Array]:
    # of f, g, f + g, 3 f and 0, a row for each norm
    g = f.map(lambda v: v**2 - 0.3)
    table = [[h.norm(kind) for h in (f, g, f + g, 3 * f, 0 * f)] for kind in _KINDS]
    return jnp.asarray(table), jnp.abs(f.inner(g))


def _norms(f: Function) -> None:
    """Cauchy-Schwarz, the triangle inequality, homogeneity, and H1 >= L2."""
    table, product = map(np.asarray, _norm_table(f))
    slack = 1 + 1e-5
    rows = dict(zip(_KINDS, table, strict=True))
    assert product <= slack * rows["L2"][0] * rows["L2"][1], "Cauchy-Schwarz"
    for kind, (first, second, both, triple, zero) in rows.items():
        assert both <= slack * (first + second), f"triangle inequality of {kind}"
        _close(triple / first, 3.0, 10.0)
        assert zero == 0, f"{kind} norm of zero"
    assert rows["H1"][0] * slack >= rows["L2"][0], "H1 >= L2"


@jax.jit
def _norm_gradients(f: Function) -> tuple[Array, ...]:
    def slope(values, kind):
        return jax.grad(lambda v: Function(v, f.discretization).norm(kind))(values)

    return tuple(slope(v, kind) for v in (f.values, 0 * f.values) for kind in _KINDS)


def _gradients(f: Function) -> None:
    """Norms have finite gradients, also at the zero function."""
    for slope in _norm_gradients(f):
        assert np.isfinite(slope).all(), "gradients are finite"


FUNCTION_CHECKS: dict[str, Callable[[Function], None]] = {
    "volume": _volume,
    "integrals": _integrals,
    "interpolation": _interpolates,
    "resampling": _resamples,
    "constants": _constants,
    "pytree": _pytree,
    "compilation": _compiles,
    "norms": _norms,
    "gradients": _gradients,
}


def _scattered(domain, count: int, mask: bool = False) -> Points:
    unit = np.random.default_rng(0).uniform(size=(count, domain.dim))
    points = np.asarray(domain.lower) + unit * np.asarray(domain.lengths)
    return Points(domain, points).pad(count + 7) if mask else Points(domain, points)


def _disc(grid: Grid) -> MaskedGrid:
    """The grid without the nodes near the middle of its domain."""
    # coordinates in [0, 1]
    unit = np.asarray(grid.relative) / np.asarray(grid.domain.lengths)
    return MaskedGrid(grid, ((unit - 0.5) ** 2).sum(-1) > 0.04)


def _padded(mesh: Mesh) -> Mesh:
    return mesh.pad(*(size + 5 for size in mesh.sizes))


def _disjoint(*parts: AbstractDiscretization) -> DisjointPoints:
    spaces = {f"f{i}": Space(part.domain, 2) for i, part in enumerate(parts)}
    return DisjointPoints(DisjointUnion(spaces), parts)


_SQUARE = Box((0.0, -1.0), (1.0, 1.0))
_UNEVEN = (-1.0, -0.9, -0.75, -0.5, -0.2, 0.2, 0.6, 0.9, 1.3, 1.6, 1.8, 1.9, 2.0)

DISCRETIZATIONS: dict[str, Callable[[], AbstractDiscretization]] = {
    "vertex": lambda: Grid(Interval(-1.0, 2.0), 33),
    "left": lambda: Grid(Interval(-1.0, 2.0), 32, "left"),
    "right": lambda: Grid(Interval(-1.0, 2.0), 32, "right"),
    "centre": lambda: Grid(Interval(-1.0, 2.0), 32, "centre"),
    "chebyshev": lambda: Grid(Interval(-1.0, 2.0), 17, "chebyshev"),
    "circle": lambda: Grid(Torus(0.0, 3.0), 32),
    "circle, odd": lambda: Grid(Torus(0.0, 3.0), 33),
    "square": lambda: Grid(_SQUARE, (17, 20), ("chebyshev", "centre")),
    "torus": lambda: Grid(Torus((0.0, 0.0), (1.0, 2.0)), (16, 17)),
    "time x circle": lambda: Grid(Interval(0.0, 2.0) * Torus(0.0, 1.0), (21, 16)),
    "cube": lambda: Grid(Box((0.0,) * 3, (1.0,) * 3), 12, ("vertex", "left", "centre")),
    "moved": lambda: MovedGrid(
        Grid(_SQUARE, 16, "left"), jnp.asarray([-1.0, 1.0]), jnp.asarray([1.0, 0.0])
    ),
    "uneven": lambda: Grid(Interval(-1.0, 2.0), nodes=_UNEVEN),
    "uneven x circle": lambda: Grid(
        Interval(-1.1, 2.0) * Torus(0.0, 1.0), (13, 8), (_UNEVEN, "uniform")
    ),
    "masked": lambda: _disc(Grid(Interval(0.0, 2.0) * Torus(0.0, 1.0), (21, 16))),
    "points on a line": lambda: _scattered(Interval(0.0, 1.0), 40),
    "points": lambda: _scattered(_SQUARE, 60),
    "points, padded": lambda: _scattered(_SQUARE, 60, mask=True),
    "mesh of lines": lambda: Mesh.rectangle(-1.0, 2.0, 12),
    "mesh": lambda: Mesh.rectangle((0.0, -1.0), (1.0, 1.0), (6, 7)),
    "mesh of a disk, padded": lambda: _padded(Mesh.disk(refinements=2)),
    "mesh of tetrahedra": lambda: Mesh.rectangle((0.0,) * 3, (1.0, 2.0, 1.0), 3),
    "mesh of a sphere": lambda: Mesh.icosphere(2.0, 2),
    "points on a torus": lambda: _scattered(Torus((0.0, 0.0), (1.0, 1.0)), 60),
    "one point": lambda: Grid(Point()),
    "disjoint": lambda: _disjoint(
        Grid(Torus(0.0, 3.0), 16), _scattered(_SQUARE, 60, mask=True), Grid(Point())
    ),
}
