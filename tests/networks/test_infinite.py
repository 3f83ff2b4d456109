"""Kernels of infinite networks: values, layouts, tiles, dtypes, derivatives, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import DataError, ModelError
from riesz.networks import (
    AbstractNetwork,
    AveragePool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GraphAggregate,
    LayerNorm,
    Product,
    Relu,
    Residual,
    Sign,
    SpectralConv,
    Sum,
    Tanh,
    parse,
)
from riesz.networks._tiles import tiled

MLP = Dense(8, w_std=2**0.5) >> Relu() >> Dense(8, w_std=2**0.5) >> Relu() >> Dense(1, w_std=2**0.5)


@pytest.fixture(scope="module")
def inputs():
    return jax.random.normal(jax.random.key(0), (7, 5)), jax.random.normal(
        jax.random.key(1), (4, 5)
    )


def test_relu_networks_have_the_known_diagonal(x64, getkey):
    x = jax.random.normal(getkey(), (6, 5))
    first = 2 * jnp.sum(x**2, 1) / 5
    kernel = MLP.kernel()
    np.testing.assert_allclose(kernel.nngp.diagonal(x), first, rtol=1e-14)
    np.testing.assert_allclose(kernel.ntk.diagonal(x), 3 * first, rtol=1e-14)
    np.testing.assert_allclose(jnp.diag(kernel.ntk(x)), 3 * first, rtol=1e-14)


def test_the_diagonal_is_exact_in_single_precision(getkey):
    x = jax.random.normal(getkey(), (64, 200))
    first = 2 * np.sum(np.asarray(x, float) ** 2, 1) / 200
    np.testing.assert_allclose(jnp.diag(MLP.kernel().ntk(x)), 3 * first, rtol=2e-6)


def test_single_and_double_precision_agree_to_five_digits(inputs):
    single = [np.asarray(k, float) for k in MLP.kernel().both(*inputs)]
    with jax.enable_x64(True):
        wide = [jnp.asarray(np.asarray(v), float) for v in inputs]
        double = [np.asarray(k) for k in MLP.kernel().both(*wide)]
    for low, high in zip(single, double, strict=True):
        assert high.dtype == np.float64
        np.testing.assert_allclose(low, high, atol=1e-5 * high.max())


def test_a_set_with_itself_is_symmetric_with_the_values_of_two_sets(inputs):
    x, _ = inputs
    own, two = MLP.kernel().both(x), MLP.kernel().both(x, x)
    for a, b in zip(own, two, strict=True):
        np.testing.assert_array_equal(a, a.T)
        np.testing.assert_allclose(a, b, rtol=2e-3)  # b's diagonal is rounded before arctan


@pytest.mark.parametrize("side", [2, 3, 7])
def test_tiles_agree_with_the_whole(inputs, side):
    x, y = inputs
    f = lambda a, b: (a @ b.T, jnp.einsum("ic,jd->ijcd", a, b))  # noqa: E731
    for second in (y, None):
        whole = f(x, x if second is None else y)
        for got, want in zip(tiled(f, x, second, side), whole, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_kernels_are_differentiable_in_the_standard_deviations(x64, inputs):
    x = jnp.asarray(np.asarray(inputs[0]), float)

    def total(scale):
        return (Dense(8, w_std=scale) >> Relu() >> Dense(1, b_std=0.1)).kernel().ntk(x).sum()

    difference = (total(1.3 + 1e-5) - total(1.3 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(total)(1.3), difference, rtol=1e-8)


class Counted(AbstractNetwork):
    """Passes covariances on, and counts how often it is traced."""

    traced = []

    def out_shape(self, shape):
        return shape

    def apply(self, weights, x, key):
        return x

    def propagate(self, inputs):
        self.traced.append(1)
        return inputs


def test_new_standard_deviations_compile_nothing(inputs):
    for scale in (1.0, 1.1, jnp.float32(1.2)):
        (Dense(8, w_std=scale) >> Counted() >> Dense(1)).kernel().ntk(*inputs)
    assert len(Counted.traced) == 1


def test_outputs_over_space_give_all_pairs_of_positions(inputs):
    network = Conv(4, (3,)) >> Relu() >> Conv(4, (3,)) >> Relu() >> Dense(1)
    x = jax.random.normal(jax.random.key(3), (3, 6, 2))
    whole = network.kernel().both(x)
    assert whole.ntk.shape == (3, 3, 6, 6)
    pooled = (network >> GlobalAveragePool()).kernel().both(x)
    flat = (network >> Flatten()).kernel().both(x)
    np.testing.assert_allclose(whole.ntk.mean((2, 3)), pooled.ntk, rtol=1e-5)
    np.testing.assert_allclose(jnp.einsum("ijss->ij", whole.ntk) / 6, flat.ntk, rtol=1e-5)
    with pytest.raises(ModelError, match=r"(?s)function over space.*Flatten\(\) or GlobalAverage"):
        network.kernel().ntk(x)


@pytest.mark.parametrize(
    "text",
    [
        "Attention(8, w_std=1.3, b_std=0.2) >> Attention(8)",
        "Conv(8, (2, 2)) >> Residual(Relu() >> Attention(8)) >> Erf()",
        "Dense(8) >> InfiniteDepth(Erf() >> Attention(8), 4) >> Relu()",
        "Dense(8) >> Relu() >> AveragePool((3, 1)) >> Dense(8) >> Erf()",
    ],
)
def test_covariances_that_are_not_read_are_left_out(text, x64, getkey):
    body = parse(text)
    x = jax.random.normal(getkey(), (3, 7, 2, 5))
    size = int(np.prod(body.out_shape(x.shape[1:])[:-1]))
    flat = (body >> Flatten()).kernel().both(x)
    for k, found in zip(body.kernel().both(x), flat, strict=True):
        own = np.trace(k.reshape(3, 3, size, size), axis1=2, axis2=3) / size
        np.testing.assert_allclose(found, own, rtol=1e-12)


def test_it_says_what_is_not_a_closed_form():
    assert MLP.kernel().exact
    mixed = Dense(4) >> Tanh() >> Residual(Dense(4) >> Tanh() >> Dense(4)) >> Relu() >> Dense(1)
    assert not mixed.kernel().exact
    assert str(mixed.kernel()).endswith("; numerical for Tanh())")


def test_activations_at_the_input_are_features(inputs):
    x, y = inputs
    direct = (Relu() >> Tanh() >> Dense(1)).kernel().nngp(x, y)
    features = [jnp.tanh(jnp.maximum(v, 0)) for v in (x, y)]
    np.testing.assert_allclose(direct, features[0] @ features[1].T / 5, rtol=1e-5)


SPACE = jnp.ones((2, 5, 3))
REFUSED = {
    "two activations": (
        Dense(4) >> Relu() >> Relu() >> Dense(1),
        SPACE[:, 0],
        "Activation(lambda x: g(f(x)))",
    ),
    "jump": (Dense(4) >> Sign() >> Dense(1), SPACE[:, 0], "ask for nngp"),
    "sum of the same": (
        Dense(4) >> Sum(Relu(), Relu()) >> Dense(1),
        SPACE[:, 0],
        "end the branches",
    ),
    "activation on a branch": (Dense(4) >> Residual(Dense(4) >> Relu()), SPACE[:, 0], None),
    "product with itself": (
        Dense(4) >> Product(Relu(), Relu()) >> Dense(1),
        SPACE[:, 0],
        "uncorrelated",
    ),
    "shapes": (Dense(4) >> Sum(Dense(3), Dense(4)), SPACE[:, 0], "as many features"),
    "channels": (
        Dense(4) >> Concatenate(Conv(3, (2,), padding="valid"), Dense(4)),
        SPACE,
        "equal padding",
    ),
    "normalised features": (LayerNorm() >> Dense(1), SPACE[:, 0], "between a Dense or Conv"),
    "window": (Conv(4, (7,), padding="valid") >> Flatten() >> Dense(1), SPACE, "smaller window"),
    "pool": (GlobalAveragePool() >> Dense(1), SPACE[:, 0], "(height, width, channels)"),
    "axes": (Conv(4, (2, 2)) >> Flatten() >> Dense(1), SPACE, "shape (*space, channels) with 2 of"),
    "modes": (SpectralConv(4, (4,)) >> Flatten() >> Dense(1), SPACE, "fewer modes or a finer"),
    "nodes": (GraphAggregate(np.eye(3)) >> Flatten() >> Dense(1), SPACE, "3 nodes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_the_repair(name):
    network, x, repair = REFUSED[name]
    if repair is None:
        network.kernel().ntk(x)  # one branch may end with an activation
        return
    with pytest.raises(ModelError) as caught:
        network.kernel().ntk(x)
    assert repair in str(caught.value)


def test_inputs_of_the_wrong_shape_are_refused(inputs):
    with pytest.raises(DataError, match=r"(?s)different shapes.*\(m, 5\)"):
        MLP.kernel().nngp(inputs[0], jnp.ones((3, 4)))
    with pytest.raises(DataError, match=r"(?s)shape \(n, features\).*one feature"):
        MLP.kernel().nngp(jnp.ones(3))
    with pytest.raises(DataError, match=r"(?s)inputs of another shape.*jax.vmap\(network\)\(x\)"):
        MLP.init(5, key=jax.random.key(0))(inputs[0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(0),
        lambda: Dense(3, w_std=-1.0),
        lambda: Conv(3, (2, 2, 2, 2)),
        lambda: Conv(3, (2,), padding="reflect"),
        lambda: Dropout(1.0),
        lambda: AveragePool((0,)),
        lambda: GraphAggregate(np.ones(3)),
        lambda: GraphAggregate([[np.nan]]),
    ],
)
def test_impossible_layers_are_refused(make):
    with pytest.raises(ModelError, match="expected"):
        make()
