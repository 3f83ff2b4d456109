"""The deep operator network of several inputs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import riesz
from riesz.domains import Box, Grid, Interval, Point, Points, Torus
from riesz.errors import ModelError
from riesz.functions import Function, Pairs, batch, stack, take
from riesz.operators import FNO, GNO, Affine, Assembled, DeepONet, MIONet, apply

KEY = jax.random.key(0)
SQUARE, CIRCLE, LINE = Box((0, 0), (1, 1)), Torus(0.0, 1.0), Interval(0.0, 1.0)


def waves(n: int, seed: int = 0) -> Pairs:
    """A field, a curve at points of each sample and a number in; a field and a number out."""
    r = np.random.default_rng(seed)
    a, b, nu = r.normal(size=(n, 2)), r.normal(size=(n, 2)), r.uniform(1, 2, size=(n, 1))
    grid = Grid(SQUARE, 6)
    x, y = np.moveaxis(np.asarray(grid.coordinates), -1, 0)
    f = a[:, 0, None, None] * x + a[:, 1, None, None] * y
    curves = []
    for i, count in enumerate(r.integers(9, 13, n)):
        s = np.sort(r.uniform(size=(count, 1)), 0)
        curves.append(Function(b[i, 0] * np.sin(2 * s) + b[i, 1], Points(LINE, s)))
    u = nu[:, :, None] * f + b[:, 1, None, None] * x
    return Pairs(
        {"f": batch(f[..., None], grid), "g": stack(curves), "nu": batch(nu, Grid(Point()))},
        {"u": batch(u[..., None], grid), "q": batch(b[:, :1] * nu, Grid(Point()))},
    )


def small(pairs: Pairs) -> MIONet:
    return MIONet(
        pairs.input_space, pairs.output_space, sensors=(3, 5, 1), width=16, basis=8, key=KEY
    )


def test_formula():
    pairs = waves(2)
    operator, a = small(pairs), take(pairs.inputs, 1)
    made = eqx.tree_at(lambda o: o.bias, operator, jnp.asarray([0.3, -0.2]))
    product = jnp.ones((8, 2))
    for f, sensors, branch in zip(a.components, (3, 5, 1), made.branches, strict=True):
        readings = f.values
        if f.domain.dim:
            readings = f.at(Grid(f.domain, sensors).coordinates.reshape(-1, f.domain.dim))
        product = product * branch(readings.reshape(-1)).reshape(8, 2)
    u, q = made(a).components
    modes = made.trunks[0](2 * Grid(SQUARE, 6).coordinates - 1)
    expected = (modes * product[:, 0]).sum(-1) / 8**0.5 + 0.3
    np.testing.assert_allclose(u.values[..., 0], expected, atol=1e-5)
    expected = (made.trunks[1](jnp.ones(1)) * product[:, 1]).sum() / 8**0.5 - 0.2
    np.testing.assert_allclose(q.values[0], expected, atol=1e-5)


def test_one_input_and_output_is_a_deeponet():
    space = riesz.domains.Space(SQUARE)
    sizes = {"sensors": 4, "width": 8, "basis": 4, "key": KEY}
    several, one = MIONet(space, space, **sizes), DeepONet(space, space, **sizes)
    f = Function.from_callable(lambda x, y: jnp.sin(x + 2 * y), Grid(SQUARE, 9))
    np.testing.assert_allclose(several(f).values, one(f).values, atol=1e-6)


def test_statistics_are_those_of_each_function():
    pairs = waves(40)
    found = Affine.of([pairs[:15].inputs, pairs[15:].inputs])
    parts = [Affine.of([f]) for f in pairs.inputs.components]
    for name in ("mean", "deviation"):
        expected = np.concatenate([getattr(p, name).value for p in parts])
        np.testing.assert_allclose(getattr(found, name).value, expected, rtol=1e-5)


@pytest.mark.long
def test_fitted_measured_banded_and_saved(tmp_path):
    training, held, test = waves(120), waves(40, 10), waves(30, 50)
    model = Assembled(small(training), training.parts)
    fitted = riesz.fit(model, training, validation=held, steps=400, key=KEY, progress=False)
    rivals = riesz.baselines(training, key=KEY)
    assert {"training mean", "PCA + ridge", "nearest neighbours"} <= set(rivals)
    banded = riesz.calibrate(fitted.model, held, level=0.8, key=KEY)
    report = riesz.evaluate(banded, test, baselines=rivals).to_json()
    assert report["results"][0]["error"] < 0.3
    best = min(b["error"] for b in report["baselines"])
    assert report["results"][0]["error"] < best
    riesz.save(tmp_path / "model", banded)
    loaded = riesz.load(tmp_path / "model")
    a = take(test.inputs, 3)
    named = loaded(test.parts[0].split(a))
    assert set(named) == {"u", "q"} and named["q"].prediction.domain == Point()
    again = banded(test.parts[0].split(a))
    for name in named:
        np.testing.assert_array_equal(named[name].upper.values, again[name].upper.values)
    together = apply(fitted.model, test.parts[0].split(test.inputs))["u"]
    alone = fitted.model(a).components[0]
    np.testing.assert_allclose(together.values[3], alone.values, atol=1e-5)


def test_functions_of_one_domain_are_kept_apart_when_asked():
    pairs = waves(5)
    curves = pairs.parts[0].split(pairs.inputs)["g"]
    other = waves(5, 3)
    sides = {"a": curves, "b": other.parts[0].split(other.inputs)["g"]}
    assert Pairs(sides, {"u": curves}).input_space.domain == LINE
    apart = Pairs(sides, {"u": curves}, apart=True)
    for name, f in apart.parts[0].split(apart.inputs).items():
        np.testing.assert_array_equal(f.values, sides[name].values)
    assert apart.output_space.domain == LINE


@pytest.mark.parametrize(
    "act",
    [
        lambda a, u: FNO(a, u, modes=2, key=KEY),
        lambda a, u: GNO(a, u, radius=0.1, key=KEY),
        lambda a, u: DeepONet(a, u, key=KEY),
    ],
)
def test_operators_of_one_domain_say_what_to_do(act):
    pairs = waves(2)
    with pytest.raises(ModelError, match=r"several domains, and(.|\n)*MIONet"):
        act(pairs.input_space, pairs.output_space)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"sensors": (3, 4)}, "or 3 of them"), ({"basis": 0}, "positive sizes")],
)
def test_refusals(options, text):
    pairs = waves(2)
    with pytest.raises(ModelError, match=text):
        MIONet(pairs.input_space, pairs.output_space, **options, key=KEY)
