"""Deep linear networks at infinite width under muP, by a recursion of finite dimension."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from riesz.errors import DataError, ModelError
from riesz.networks import IID, Dense, Scaling


class DeepLinearLimit(NamedTuple):
    """Gradient descent of an infinitely wide linear network, before each step and at last.

    `outputs` of the inputs x, shape (steps + 1, n); `losses`, half their mean squared error, or
    inf where they exceed the range of numbers; `features`, the inner products of the last hidden
    features of x, divided by the width.
    """

    outputs: Float[Array, "steps n"]
    losses: Float[Array, " steps"]
    features: Float[Array, "steps n n"]


class _Numbers(NamedTuple):
    """Variances of the weights (times fan_in if hidden, fan_in^2 at the output) and their rates."""

    variances: Float[Array, " layers"]
    rates: Float[Array, " layers"]


class _Layer(NamedTuple):
    """A hidden layer: vectors of its width as combinations of jointly Gaussian ones.

    Those come as products of the initial weights below with `forward` vectors of the layer below,
    and of the initial weights above with `backward` vectors of the layer above; first all of the
    former, then all of the latter, in the order of steps.
    """

    forward: Float[Array, "times inputs basis"]  # columns of the map from inputs to this layer
    backward: Float[Array, "times basis"]  # gradients of the output, times the width
    covariance: Float[Array, "basis basis"]


def deep_linear_limit(
    scaling: Scaling,
    x: Float[Array, "n features"],
    y: Float[Array, "n outputs"],
    *,
    learning_rate: float | Float[Array, ""],
    steps: int,
) -> DeepLinearLimit:
    """The limit of infinite width of a deep linear network trained by SGD under muP.

    Every update of a hidden matrix has rank one, so each vector of the size of a layer is the
    initial weights times a vector met before, plus a combination of such. Their limits are jointly
    Gaussian, W v having in addition the mean sigma^2 sum_u u d v / d(W^T u) over all W^T u met
    before (Yang and Hu 2021, arXiv:2011.14522, sections 6 and 7, for linear activations). The
    number of vectors grows with `steps` times features, the cost with the square.

    **Arguments:**

    - `scaling`: of `Dense(n) >> ... >> Dense(n) >> Dense(1)`, without biases, by the rule
      `"mup"`; n does not matter.
    - `x`, `y`: the data, all of it in each step.
    - `learning_rate`: of SGD, times the multipliers of the scaling. `jax.vmap` maps over many.
    - `steps`: how many.

    ```python
    scaling = (Dense(64) >> Dense(64) >> Dense(1)).scaling("mup")
    limit = deep_linear_limit(scaling, x, y, learning_rate=0.1, steps=10)
    ```
    """
    if y.shape != (len(x), 1):
        raise DataError(
            "the limit is that of networks with one output",
            where="deep_linear_limit(x, y)",
            expected=f"y of shape {(len(x), 1)}",
            found=f"shape {y.shape}",
        )
    width = _width(scaling)
    rows = scaling.parameters(x.shape[1:])
    # variances sigma^2 n^-p and rates eta n^(1-p): p = 0 of inputs, 1 hidden, 2 of the output
    powers = [0, *(len(rows) - 2) * [1], 2]
    variances = [row.init_std**2 * width**p for row, p in zip(rows, powers, strict=True)]
    rates = [row.sgd * float(width) ** (p - 1) for row, p in zip(rows, powers, strict=True)]
    numbers = _Numbers(*(jnp.asarray(v, x.dtype) for v in (variances, rates)))
    rate = jnp.asarray(learning_rate, x.dtype)
    return _limit(numbers._replace(rates=rate * numbers.rates), x, y[:, 0], steps)


@partial(jax.jit, static_argnames="steps")
def _limit(
    numbers: _Numbers, x: Float[Array, "n features"], y: Float[Array, " n"], steps: int
) -> DeepLinearLimit:
    layers = _start(numbers, steps, x.shape[1], x.dtype)
    slopes = jnp.zeros((steps + 1, x.shape[1]), x.dtype)

    def step(carry: tuple, t: Array) -> tuple[tuple, tuple]:
        layers, slopes = carry
        layers = _forward(numbers, layers, slopes, t)
        last = layers[-1]
        # n v(t) = n v(0) - rate sum_s sum_j slopes_sj h_sj
        top = last.backward[0] - numbers.rates[-1] * _moved(slopes, last)
        layers[-1] = last = last._replace(backward=last.backward.at[t].set(top))
        # h(x_i) in the last layer, (samples, basis)
        now = x @ last.forward[t]
        # f(x_i) = E[h(x_i) n v]
        outputs = now @ last.covariance @ top
        record = (outputs, jnp.mean((outputs - y) ** 2) / 2, now @ last.covariance @ now.T)
        layers = _backward(numbers, layers, slopes, t)
        # slopes_t = mean over i of (f(x_i) - y_i) x_i, the gradient by the map from x to f
        return (layers, slopes.at[t].set((outputs - y) @ x / len(x))), record

    _, (outputs, losses, features) = jax.lax.scan(step, (layers, slopes), jnp.arange(steps + 1))
    return DeepLinearLimit(outputs, jnp.where(jnp.isfinite(losses), losses, jnp.inf), features)


def _start(numbers: _Numbers, steps: int, features: int, dtype: jnp.dtype) -> list[_Layer]:
    """All vectors zero, but the input weights and the output weights."""
    times, inputs = steps + 1, (steps + 1) * features
    basis = inputs + times
    layer = _Layer(
        jnp.zeros((times, features, basis), dtype),
        jnp.zeros((times, basis), dtype),
        jnp.zeros((basis, basis), dtype),
    )
    layers = [layer] * (len(numbers.variances) - 1)
    own = jnp.arange(features)
    # variance sigma_0^2 of the columns of W_0(0)
    start = layers[0].covariance.at[own, own].set(numbers.variances[0])
    layers[0] = layers[0]._replace(covariance=start)
    last = layers[-1]
    layers[-1] = last._replace(
        backward=last.backward.at[0, inputs].set(1.0),
        # variance sigma^2 of n v(0)
        covariance=last.covariance.at[inputs, inputs].set(numbers.variances[-1]),
    )
    return layers


def _forward(numbers: _Numbers, layers: list[_Layer], slopes: Array, t: Array) -> list[_Layer]:
    """The columns of the maps from inputs to each layer, after t steps."""
    times, features, _ = layers[0].forward.shape
    inputs = times * features
    eye = jnp.eye(features, dtype=slopes.dtype)
    done = []
    for index, layer in enumerate(layers):
        rate, variance = numbers.rates[index], numbers.variances[index]
        if index == 0:
            vectors = jnp.zeros_like(layer.forward[0]).at[:, :features].set(eye)
            # W_0(t) = W_0(0) - rate sum_s u_s slopes_s^T, u_s being n times df/dh
            vectors = vectors - rate * jnp.einsum("si,sb->ib", slopes, layer.backward)
        else:
            below = done[-1]
            now = below.forward[t]
            # <h_sj, h_ti> in the layer below
            products = jnp.einsum("sjb,bc,ic->sji", below.forward, below.covariance, now)
            # E[W(0) h_sj W(0) h_ti] = sigma^2 <h_sj, h_ti>
            layer = _covary(layer, variance * products.reshape(inputs, features), 0, t * features)
            fresh = jax.lax.dynamic_update_slice(jnp.zeros_like(now), eye, (0, t * features))
            # W(t) h = W(0) h - rate sum_s u_s sum_j slopes_sj <h_sj, h>
            gradients = jnp.einsum("sj,sji->is", slopes, products)
            # W(0) h = fresh + sigma^2 sum_s u_s dh / d(W(0)^T u_s)
            vectors = fresh + (variance * now[:, inputs:] - rate * gradients) @ layer.backward
        done.append(layer._replace(forward=layer.forward.at[t].set(vectors)))
    return done


def _backward(numbers: _Numbers, layers: list[_Layer], slopes: Array, t: Array) -> list[_Layer]:
    """The gradients of the output with respect to each layer, after t steps."""
    times, features, basis = layers[0].forward.shape
    inputs = times * features
    done = [layers[-1]]
    for index in range(len(layers) - 2, -1, -1):
        layer, above = layers[index], done[0]
        rate, variance = numbers.rates[index + 1], numbers.variances[index + 1]
        now = above.backward[t]
        # <u_s, u_t> in the layer above
        products = above.backward @ above.covariance @ now
        # E[W(0)^T u_s W(0)^T u_t] = sigma^2 <u_s, u_t>
        layer = _covary(layer, variance * products[:, None], inputs, inputs + t)
        fresh = jnp.zeros_like(now).at[inputs + t].set(1.0)
        met = layer.forward.reshape(inputs, basis)
        # W(0)^T u = fresh + sigma^2 sum_sj h_sj du / d(W(0) h_sj)
        vector = fresh + variance * now[:inputs] @ met
        # W(t)^T u = W(0)^T u - rate sum_s <u_s, u> sum_j slopes_sj h_sj
        vector = vector - rate * jnp.einsum("s,sj,sjb->b", products, slopes, layer.forward)
        done.insert(0, layer._replace(backward=layer.backward.at[t].set(vector)))
    return done


def _covary(
    layer: _Layer, columns: Float[Array, "kind new"], first: int, at: int | Array
) -> _Layer:
    """The layer with the covariances of new Gaussian vectors, which start at index `at`.

    `columns` are those with all vectors of their kind, which start at index `first`.
    """
    covariance = jax.lax.dynamic_update_slice(layer.covariance, columns, (first, at))
    return layer._replace(
        covariance=jax.lax.dynamic_update_slice(covariance, columns.T, (at, first))
    )


def _moved(slopes: Array, layer: _Layer) -> Float[Array, " basis"]:
    """The sum over steps of the gradients of the output with respect to the output weights."""
    return jnp.einsum("sj,sjb->b", slopes, layer.forward)


def _width(scaling: Scaling) -> int:
    """The width of all hidden layers, by which initial variances are understood."""
    links = scaling.network.layers
    plain = all(isinstance(link, Dense) for link in links)
    widths = {link.features for link in links[:-1] if isinstance(link, Dense)}
    last = links[-1]
    if (
        not plain
        or len(widths) != 1
        or scaling.rule != "mup"
        or not (isinstance(last, Dense) and last.features == 1)
        or any(isinstance(link, Dense) and link.b_std != 0 for link in links)
        or any(isinstance(link, Dense) and link.weights != IID() for link in links)
    ):
        raise ModelError(
            "the limit is that of deep linear networks with one width and one output under muP",
            where="deep_linear_limit(scaling)",
            expected="(Dense(n) >> ... >> Dense(n) >> Dense(1)).scaling('mup'), without biases",
            found=f"({scaling.network}).scaling({scaling.rule!r})",
            repair="mean_field_limit takes one hidden layer with any activation",
        )
    return widths.pop()
