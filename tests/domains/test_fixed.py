"""Scattered points as constants of programs: the same functions, without stencils inside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, Points, Torus
from riesz.domains._fixed import FixedPoints, fixed, released
from riesz.domains._sloped import SlopedPoints
from riesz.functions import Function, Pairs, batch
from riesz.functions._fixed import fixed_pairs, with_slopes

DOMAINS = [Interval(0.0, 2.0), Box((0.0, -1.0), (2.0, 3.0)), Torus((0.0, 0.0), (1.0, 2.0))]


def places(domain, seed, count=40):
    draw = np.random.default_rng(seed).random((count, domain.dim))
    return np.asarray(domain.lower) + draw * np.asarray(domain.lengths)


def wave(x):
    return np.cos(2 * x[..., :1]) + np.sin(x[..., -1:])


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_values_and_slopes_are_those_of_the_points(domain, x64):
    mask = np.arange(40) != 7
    points = Points(domain, places(domain, 0), mask=mask)
    values = jnp.asarray(wave(places(domain, 0)))
    other = Points(domain, places(domain, 1, 9))
    grid = Grid(domain, 6)
    constant = fixed(points)
    assert isinstance(constant, FixedPoints) and not jax.tree.leaves(constant)
    here, there = Function(values, points), Function(values, constant)
    for onto, alike in ((grid, grid), (other, other), (other, fixed(other))):
        want = here.resample(onto).values
        assert jnp.allclose(jax.jit(lambda f, on=alike: f.resample(on).values)(there), want)
    for axis in range(domain.dim):
        want = here.derivative(axis).values
        assert jnp.allclose(jax.jit(lambda f, i=axis: f.derivative(i).values)(there), want)
    assert jnp.allclose(jax.jit(lambda f: f.norm("H1"))(there), here.norm("H1"))
    back = released(constant)
    assert jax.tree.structure(back) == jax.tree.structure(points)


def test_programs_hold_no_solves_and_gradients_are_finite():
    domain = DOMAINS[1]
    points = fixed(Points(domain, places(domain, 0)))
    f = Function(jnp.asarray(wave(places(domain, 0))), points)

    def size(f):
        return f.norm("H1") + f.resample(Grid(domain, 6)).norm("L2")

    program = str(jax.make_jaxpr(size)(f))
    assert "while" not in program and "top_k" not in program
    slope = jax.grad(size)(f).values
    assert np.isfinite(slope).all() and (slope != 0).any()


def test_equal_points_make_one_program_and_are_not_interpolated():
    domain = DOMAINS[1]
    first, second = (fixed(Points(domain, places(domain, 0))) for _ in range(2))
    traces = []

    @jax.jit
    def moved(f, on):
        traces.append(0)
        return f.resample(on).values

    values = jnp.asarray(wave(places(domain, 0)))
    for on in (first, second):
        assert (moved(Function(values, first), on) == values).all()
    assert len(traces) == 1
    assert first != fixed(Points(domain, places(domain, 1)))


def test_only_points_that_all_samples_share_are_fixed():
    domain = DOMAINS[1]
    x = places(domain, 0)
    shared = batch(np.stack([wave(x)] * 3), Points(domain, x))
    sets = [Points(domain, places(domain, seed)) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    own = batch(np.stack([wave(x)] * 3), stacked)
    pairs = fixed_pairs(Pairs(shared, own))[:]
    assert isinstance(pairs.inputs.discretization, FixedPoints)
    assert isinstance(pairs.outputs.discretization, Points)
    single = fixed_pairs(Pairs(shared, own)[:1])[:]
    assert isinstance(single.inputs.discretization, Points)


def test_points_read_later_are_compared_with_the_first():
    domain = DOMAINS[1]
    sets = [Points(domain, places(domain, seed)) for seed in (0, 0, 1, 0)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    own = batch(np.stack([wave(places(domain, 0))] * 4), stacked)

    class Elsewhere:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return Pairs(own, own)[index]

    pairs = fixed_pairs(Elsewhere())
    assert isinstance(pairs[:2].inputs.discretization, FixedPoints)
    assert isinstance(pairs[1:3].inputs.discretization, Points)
    assert isinstance(pairs[np.array([0, 3])].outputs.discretization, FixedPoints)


@pytest.mark.parametrize("domain", DOMAINS[1:], ids=str)
def test_stencils_of_own_points_are_made_once(domain, x64):
    sets = [Points(domain, places(domain, seed)) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    values = np.stack([wave(places(domain, seed)) for seed in range(3)])
    pairs = Pairs(batch(values, stacked), batch(values, stacked))
    kept = with_slopes(pairs).outputs
    assert isinstance(kept.discretization, SlopedPoints)

    def slopes(f):
        return f.gradient().values, f.derivative(1).values, f.derivative(0, 2).values

    got = jax.jit(jax.vmap(slopes))(kept)
    want = jax.vmap(slopes)(pairs.outputs)
    assert all(jnp.allclose(x, y) for x, y in zip(got, want, strict=True))
    program = str(jax.make_jaxpr(lambda f: jax.vmap(lambda g: g.norm("H1"))(f))(kept))
    assert "while" not in program and "top_k" not in program
