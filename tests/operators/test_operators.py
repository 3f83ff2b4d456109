"""What operators do beyond their contract, and how they refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Box, Grid, Interval, MaskedGrid, Points, Space, Torus
from riesz.errors import DomainError, ModelError
from riesz.functions import Function, Pairs, Reflection, Translation, Transposition, batch
from riesz.operators import (
    FNO,
    Corrected,
    DeepONet,
    Normalised,
    Symmetrised,
    ZeroDirichlet,
    apply,
    baselines,
    normalised,
    parse,
    trainable,
)
from riesz.operators._corrected import zero_output
from riesz.operators._operator import require_input

KEY = jax.random.key(0)
SQUARE = Space(Box((0.0, 0.0), (1.0, 1.0)))
LINE = Space(Interval(0.0, 2.0))


def fno(space=SQUARE, **options):
    return FNO(space, space, **{"modes": 3, "width": 4, "layers": 1, **options}, key=KEY)


def wave(grid):
    return Function.from_callable(lambda x, y: jnp.sin(3 * x) * y, grid)


@pytest.mark.parametrize("nodes", ["vertex", "chebyshev"])
def test_zero_dirichlet_is_exactly_zero_on_the_boundary(nodes):
    operator = eqx.filter_jit(ZeroDirichlet(fno()))
    u = operator(wave(Grid(SQUARE.domain, 9, nodes))).values[..., 0]
    for edge in (u[0], u[-1], u[:, 0], u[:, -1]):
        assert (edge == 0).all()
    assert (u[1:-1, 1:-1] != 0).all()


def test_normalisation_is_by_integrals():
    grid = Grid(LINE.domain, 21, "chebyshev")  # nodes crowd at the ends; integrals do not
    x = np.asarray(grid.coordinates)
    pairs = Pairs(batch(np.stack([x, 3 * x]), grid), batch(np.stack([x**0, x**0]), grid))
    operator = Normalised(fno(LINE), pairs)
    np.testing.assert_allclose(operator.before.mean.value, 2.0, rtol=1e-5)
    variance = np.mean([((1.0 * k) ** 2 * 8 / 3 - 8 * k + 8) / 2 for k in (1, 3)])
    np.testing.assert_allclose(operator.before.deviation.value, np.sqrt(variance), rtol=1e-5)
    np.testing.assert_allclose(operator.after.deviation.value, 0.0)  # constant outputs
    assert normalised(operator, pairs) is operator
    assert isinstance(normalised(ZeroDirichlet(fno(LINE)), pairs).inner, Normalised)


def test_symmetrised_averages_over_the_group():
    symmetries = (Reflection(0), Reflection(1), Transposition(0, 1))
    grid = Grid(SQUARE.domain, 8)
    inner = fno()
    a = wave(grid)
    expected = []
    for flip_x in (False, True):
        for flip_y in (False, True):
            for swap in (False, True):

                def move(v, flip_x=flip_x, flip_y=flip_y, swap=swap):
                    v = v[::-1] if flip_x else v
                    v = v[:, ::-1] if flip_y else v
                    return jnp.swapaxes(v, 0, 1) if swap else v

                def back(v, flip_x=flip_x, flip_y=flip_y, swap=swap):
                    v = jnp.swapaxes(v, 0, 1) if swap else v
                    v = v[:, ::-1] if flip_y else v
                    return v[::-1] if flip_x else v

                expected.append(back(inner(Function(move(a.values), grid)).values))
    found = Symmetrised(inner, symmetries)(a).values
    np.testing.assert_allclose(found, jnp.stack(expected).mean(0), atol=2e-6)


def test_symmetrised_leaves_out_what_the_grid_does_not_carry():
    operator = Symmetrised(fno(), (Transposition(0, 1),))
    a = wave(Grid(SQUARE.domain, (8, 6)))
    np.testing.assert_allclose(operator(a).values, operator.inner(a).values, atol=1e-6)


def test_fno_on_a_coarse_grid_drops_modes():
    """The answer on 6 points is close to that on 48 although 6 modes were asked for."""
    circle = Space(Torus(0.0, 1.0))
    operator = fno(circle, modes=6, width=8, coordinates=False)

    @eqx.filter_jit
    def answer(operator, size):
        grid = Grid(circle.domain, size)
        a = Function.from_callable(lambda x: 0.2 * jnp.sin(2 * jnp.pi * x), grid)
        return operator(a).at([[0.1], [0.6]])

    np.testing.assert_allclose(answer(operator, 6), answer(operator, 48), atol=1e-3)


def test_deeponet_answers_anywhere():
    operator = DeepONet(LINE, SQUARE, sensors=5, width=8, basis=4, key=KEY)
    a = Function.from_callable(jnp.sin, Grid(LINE.domain, 33))
    points = Points(SQUARE.domain, [[0.1, 0.2], [0.9, 0.4], [0.5, 0.5]])
    on_grid = operator(a, Grid(SQUARE.domain, 3)).at([[0.5, 0.5]])
    np.testing.assert_allclose(operator(a, points).values[2], on_grid[0], atol=1e-6)
    scattered = Points(LINE.domain, np.linspace(0.0, 2.0, 60)[:, None])
    b = Function.from_callable(jnp.sin, scattered)
    np.testing.assert_allclose(operator(b, points).values, operator(a, points).values, atol=1e-2)


def test_pod_trunk_reproduces_outputs_in_its_span(getkey):
    grid = Grid(LINE.domain, 17)
    x = np.asarray(grid.coordinates)
    amplitudes = np.asarray(jax.random.normal(getkey(), (12, 2)))
    shapes = np.stack([np.sin(x), np.cos(3 * x)])
    outputs = np.einsum("nk,kxc->nxc", amplitudes, shapes).astype(np.float32)
    pairs = Pairs(batch(outputs, grid), batch(outputs, grid))
    operator = DeepONet.with_pod(pairs, basis=2, sensors=9, width=8, key=KEY)
    modes, mean = operator.trunk(grid)
    centred = outputs - np.asarray(mean)
    weights = np.asarray(grid.weights)[:, None]
    gram = np.einsum("xkc,xlc,xc->kl", modes, modes, weights)
    np.testing.assert_allclose(gram, np.eye(2), atol=1e-4)
    coefficients = np.einsum("nxc,xkc,xc->nk", centred, modes, weights)
    back = np.einsum("nk,xkc->nxc", coefficients, modes)
    np.testing.assert_allclose(back, centred, atol=1e-4)
    fixed = jax.tree.leaves(eqx.filter(operator.trunk, trainable(operator.trunk)))
    assert fixed == []
    assert (zero_output(operator)(Function(outputs[0], grid)).values == 0).all()


@pytest.mark.parametrize(
    "operator",
    [
        ZeroDirichlet(Normalised(fno(padding=0.5))),
        Symmetrised(fno(), (Reflection(1, -1.0), Transposition(0, 1))),
        DeepONet(SQUARE, SQUARE, sensors=3, width=4, basis=2, key=KEY),
    ],
    ids=lambda o: type(o).__name__,
)
def test_an_operator_prints_the_text_that_makes_it(operator):
    again = parse(str(operator), SQUARE, SQUARE, key=KEY)
    assert jax.tree.structure(again) == jax.tree.structure(operator)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(operator), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_data_of_a_fitted_model_are_one_mark_of_its_text():
    pairs = Pairs(
        *[batch(np.random.default_rng(0).random((6, 9, 1), np.float32), Grid(LINE.domain, 9))] * 2
    )
    ridge = baselines(pairs, key=KEY)["PCA + ridge"]
    text = str(Corrected(fno(LINE), ridge, [0.25]))
    assert text.startswith("Corrected(FNO(") and text.endswith("PCARidge(...)), size=[0.25])")


def on_scattered_points():
    points = Points(SQUARE.domain, np.random.default_rng(0).random((9, 2), np.float32))
    return Function.from_callable(lambda x, y: x * y, points)


REFUSALS = {
    "another domain": (
        lambda: fno()(Function.from_callable(jnp.sin, Grid(LINE.domain, 9))),
        DomainError,
        "not of the operator's input space",
    ),
    "scattered points": (
        lambda: fno()(on_scattered_points()),
        DomainError,
        "needs a function on a grid",
    ),
    "scattered symmetry": (
        lambda: Symmetrised(fno(), (Reflection(0),))(on_scattered_points()),
        DomainError,
        "given on grids",
    ),
    "two domains": (lambda: FNO(LINE, SQUARE, key=KEY), ModelError, "on the same domain"),
    "no modes": (lambda: fno(modes=0), ModelError, "positive modes"),
    "modes of another dimension": (
        lambda: fno(modes=(2, 2, 2)),
        ModelError,
        "modes, or 2",
    ),
    "sensors of another dimension": (
        lambda: DeepONet(LINE, LINE, sensors=np.zeros((4, 2), np.float32), key=KEY),
        ModelError,
        r"\(m, 1\)",
    ),
    "zero on a torus": (
        lambda: ZeroDirichlet(fno(Space(Torus(0.0, 1.0)))),
        ModelError,
        "no boundary",
    ),
    "infinite group": (
        lambda: Symmetrised(fno(), (Translation(0),)),
        ModelError,
        "coordinates=False",
    ),
    "unknown operator": (
        lambda: parse("Normalised(FNOO())", SQUARE, SQUARE, key=KEY),
        ModelError,
        r"there is no FNOO in riesz.operators; did you mean FNO\?",
    ),
    "unknown argument": (
        lambda: parse("FNO(colour=1)", SQUARE, SQUARE, key=KEY),
        ModelError,
        "unexpected keyword argument 'colour'",
    ),
    "text in place of a number": (
        lambda: parse("FNO(modes='a')", SQUARE, SQUARE, key=KEY),
        ModelError,
        "modes='a', where int",
    ),
    "an argument twice": (
        lambda: parse("FNO(width=4, width=5)", SQUARE, SQUARE, key=KEY),
        ModelError,
        "width is given twice",
    ),
    "a key in the text": (
        lambda: parse("FNO(key=3)", SQUARE, SQUARE, key=KEY),
        ModelError,
        "key has no place in a text",
    ),
    "arguments from nowhere": (
        lambda: parse("FNO(**{})", SQUARE, SQUARE, key=KEY),
        ModelError,
        r"\*\* has no place in a text",
    ),
    "no operator": (
        lambda: parse("(3, 4)", SQUARE, SQUARE, key=KEY),
        ModelError,
        "this is no operator",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    act, kind, text = REFUSALS[name]
    with pytest.raises(kind, match=text):
        act()


def test_outputs_at_points_of_every_sample():
    grid, rng = Grid(SQUARE.domain, 9), np.random.default_rng(0)
    inputs = batch(rng.normal(size=(3, 9, 9, 1)), grid, SQUARE)
    sets = [Points(SQUARE.domain, rng.uniform(size=(k, 2))).pad(8) for k in (5, 8, 6)]
    where = jax.tree.map(lambda *x: jnp.stack(x), *sets)
    holes = rng.uniform(size=(3, 9, 9)) > 0.3
    masked = jax.vmap(lambda mask: MaskedGrid(grid, mask))(holes)
    for operator in (fno(), DeepONet(SQUARE, SQUARE, sensors=3, width=8, key=KEY)):
        found = apply(operator, inputs, where)
        whole = apply(operator, inputs, masked)
        again = jax.jit(jax.vmap(operator))(inputs, where)
        for i in range(3):
            a, keep = Function(inputs.values[i], grid, SQUARE), np.asarray(sets[i].mask)
            one = operator(a, sets[i])
            np.testing.assert_allclose(found.values[i], one.values, atol=1e-5)
            np.testing.assert_allclose(again.values[i], one.values, atol=1e-5)
            at = operator(a).at(sets[i].coordinates[keep])
            if isinstance(operator, FNO):
                np.testing.assert_allclose(one.values[keep], at, atol=1e-5)
            expected = np.where(holes[i][..., None], operator(a).values, 0)
            np.testing.assert_allclose(whole.values[i], expected, atol=1e-5)


def test_symmetrised_on_a_grid_with_holes_commutes_with_its_group():
    grid = Grid(SQUARE.domain, 8)
    mask = np.ones((8, 8), bool)
    mask[1, 5] = mask[6, 6] = False
    symmetries = (Reflection(0), Reflection(1), Transposition(0, 1))
    a = Function(wave(grid).values, MaskedGrid(grid, mask))
    flipped = Function(a.values[::-1], MaskedGrid(grid, mask[::-1]))
    turned = Function(jnp.swapaxes(a.values, 0, 1), MaskedGrid(grid, mask.T))
    operator = eqx.filter_jit(Symmetrised(fno(), symmetries))
    u = operator(a).values
    np.testing.assert_allclose(operator(flipped).values, u[::-1], atol=2e-6)
    np.testing.assert_allclose(operator(turned).values, jnp.swapaxes(u, 0, 1), atol=2e-6)


A_BATCH = batch(np.ones((5, 4, 4, 1)), Grid(SQUARE.domain, 4), SQUARE)
WRONG = {
    "array": (
        lambda: require_input(fno(), np.ones((4, 4, 1))),
        "applied to a function;FNO(a);1 channels on [0, 1] x [0, 1];of shape (4, 4, 1);Function(",
    ),
    "batch": (
        lambda: fno()(A_BATCH),
        "a batch of 5 functions;FNO(a);jax.vmap(operator)(batch) or riesz.operators.apply(",
    ),
    "apply to one": (
        lambda: apply(fno(), Function(np.ones((4, 4, 1)), Grid(SQUARE.domain, 4))),
        "over a batch;one function, values of shape (4, 4, 1);operator(function)",
    ),
    "size for points": (
        lambda: require_input(fno(), wave(Grid(SQUARE.domain, 4)), 64),
        "one discretization of the output domain;FNO(a, on);64;Grid(operator.output_space.domain",
    ),
    "points elsewhere": (
        lambda: DeepONet(SQUARE, SQUARE, key=KEY)(wave(Grid(SQUARE.domain, 4)), Grid(Torus(), 4)),
        "DeepONet(a, on);Points of [0, 1] x [0, 1];Grid(4 uniform points of circle[0, 1))",
    ),
    "several points": (
        lambda: fno()(
            wave(Grid(SQUARE.domain, 4)),
            jax.vmap(lambda m: MaskedGrid(Grid(SQUARE.domain, 4), m))(np.ones((2, 4, 4), bool)),
        ),
        "one discretization;MaskedGrid(4 x 4 vertex vertex points;riesz.operators.apply(",
    ),
    "sensors outside": (
        lambda: DeepONet(SQUARE, SQUARE, sensors=np.full((2, 2), 3.0), key=KEY),
        "2 points lie outside;DeepONet(sensors=...);point 0 at [3.0, 3.0]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_inputs_say_what_to_do(name):
    call, parts = WRONG[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert all(part in str(caught.value) for part in parts.split(";")), str(caught.value)
