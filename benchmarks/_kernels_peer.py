"""Reads a description as Riesz writes it, by neural-tangents; runs in its environment alone."""

import ast
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from neural_tangents import stax

NODES = 25  # an axis, of its quadrature: what its documentation proposes


def dense(features: int, w_std: float = 1.0, b_std: float = 0.0) -> Any:
    return stax.Dense(features, W_std=w_std, b_std=b_std)


def conv(
    channels: int,
    window: tuple[int, ...],
    w_std: float = 1.0,
    b_std: float = 0.0,
    padding: str = "same",
) -> Any:
    return stax.Conv(channels, window, padding=padding.upper(), W_std=w_std, b_std=b_std)


def pool(window: tuple[int, ...]) -> Any:
    return stax.AvgPool(window, strides=window)


def branches(join: Any, *inner: Any) -> Any:
    return stax.serial(stax.FanOut(len(inner)), stax.parallel(*inner), join)


def residual(inner: Any) -> Any:
    return branches(stax.FanInSum(), stax.Identity(), inner)


def attention(
    features: int,
    w_std: float = 1.0,
    b_std: float = 0.0,
    query_std: float = 1.0,
    score: str = "softmax",
) -> Any:
    mechanism = {"softmax": "SOFTMAX", "linear": "IDENTITY"}[score]
    sizes = dict.fromkeys(("n_chan_out", "n_chan_key", "n_chan_val", "n_heads"), features)
    stds = {"W_key_std": query_std, "W_query_std": query_std, "W_out_std": w_std, "b_std": b_std}
    return stax.GlobalSelfAttention(**sizes, **stds, attention_mechanism=mechanism)


def numerical(phi: Callable) -> Callable:
    """Its only way to an activation without closed form: Gauss-Hermite quadrature."""
    return lambda: stax.ElementwiseNumerical(phi, NODES)


WORDS: dict[str, Callable] = {
    "Dense": dense,
    "Conv": conv,
    "AveragePool": pool,
    "GlobalAveragePool": stax.GlobalAvgPool,
    "Flatten": stax.Flatten,
    "Residual": residual,
    "Sum": lambda *inner: branches(stax.FanInSum(), *inner),
    "Product": lambda *inner: branches(stax.FanInProd(), *inner),
    "Concatenate": lambda *inner: branches(stax.FanInConcat(), *inner),
    "LayerNorm": stax.LayerNorm,
    "Attention": attention,
    "Dropout": lambda rate: stax.Dropout(1 - rate),
    "Relu": stax.Relu,
    "LeakyRelu": lambda slope: stax.LeakyRelu(slope),
    "Abs": stax.Abs,
    "Erf": stax.Erf,
    "Gelu": stax.Gelu,
    "Sin": stax.Sin,
    "Rbf": lambda gamma: stax.Rbf(gamma),
    "RectifiedMonomial": stax.RectifiedMonomial,
    "Tanh": numerical(jnp.tanh),
    "Silu": numerical(jax.nn.silu),
}


def network(node: ast.expr) -> Any:
    """The network that an expression such as `Dense(8) >> Relu()` describes."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        return stax.serial(network(node.left), network(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = {word.arg: network(word.value) for word in node.keywords if word.arg}
        return WORDS[node.func.id](*map(network, node.args), **named)
    return ast.literal_eval(node)


def kernels(description: str) -> Callable:
    """A compiled function (x, y or None) -> (NNGP, NTK)."""
    _, _, kernel = network(ast.parse(description, mode="eval").body)
    return jax.jit(lambda x, y: tuple(kernel(x, y, ("nngp", "ntk"))))
