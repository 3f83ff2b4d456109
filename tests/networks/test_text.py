"""Descriptions as text."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.errors import ModelError
from riesz.networks import (
    Activation,
    Attention,
    AveragePool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GraphAggregate,
    Hermite,
    LayerNorm,
    LeakyRelu,
    LowRank,
    Product,
    Relu,
    Residual,
    SpectralConv,
    Sum,
    parse,
)

TEXTS = {
    "Dense(512, w_std=1.4) >> Relu() >> Dense(1)": Dense(512, 1.4) >> Relu() >> Dense(1),
    "Conv(8, (3, 3), b_std=0.1, padding='circular') >> Flatten()": Conv(
        8, (3, 3), b_std=0.1, padding="circular"
    )
    >> Flatten(),
    "Residual(LeakyRelu(0.1) >> Dense(4)) >> LayerNorm()": Residual(LeakyRelu(0.1) >> Dense(4))
    >> LayerNorm(),
    "Sum(Dense(4), Product(Dense(4), Dense(4)), Concatenate(Dense(2), Dense(2)))": Sum(
        Dense(4), Product(Dense(4), Dense(4)), Concatenate(Dense(2), Dense(2))
    ),
    "AveragePool((2,)) >> GlobalAveragePool() >> Dropout(0.5)": AveragePool((2,))
    >> GlobalAveragePool()
    >> Dropout(0.5),
    "Attention(4, score='linear') >> SpectralConv(4, (3,))": Attention(4, score="linear")
    >> SpectralConv(4, (3,)),
    "GraphAggregate([[0.5, 0.5], [1.0, 0.0]])": GraphAggregate([[0.5, 0.5], [1, 0]]),
    "Dense(4, weights=LowRank(0.5)) >> Hermite(3)": Dense(4, weights=LowRank(0.5)) >> Hermite(3),
    "Dense(4) >> Activation(jax.nn.softplus)": Dense(4) >> Activation(jax.nn.softplus),
    "Activation(jax.nn.elu, kinks=(0.0,))": Activation(jax.nn.elu, kinks=(0.0,)),
}


@pytest.mark.parametrize("text", TEXTS)
def test_descriptions_print_as_written_and_are_read_back(text):
    assert str(TEXTS[text]) == text
    assert parse(text) == TEXTS[text]


def test_a_number_is_the_size_along_a_single_axis():
    assert parse("Conv(8, 3) >> AveragePool(2)") == Conv(8, (3,)) >> AveragePool((2,))
    assert SpectralConv(4, [3, 2]) == SpectralConv(4, (3, 2))
    with pytest.raises(ModelError, match=r"Conv.channels, window.(.|\n)*0"):
        Conv(8, 0)


def test_joining_is_associative_and_numbers_are_exact():
    a, b, c = Dense(3), Relu(), Dense(1)
    assert (a >> b) >> c == a >> (b >> c)
    tuned = Dense(3, w_std=jnp.float32(1.1))
    assert parse(str(tuned)).w_std == float(np.float32(1.1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "Dense(512) >> Rleu() >> Dense(1)",
            r"there is no Rleu in riesz.networks; did you mean Relu\?",
        ),
        ("Dense(512) >> Relu >> Dense(1)", r"Relu needs parentheses: Relu\(...\)"),
        ("Dense(512) >> Dense(", "never closed"),
        ("Dense() >> Relu()", "missing a required argument: 'features'"),
        ("Dense(3, wstd=1)", "'wstd'"),
        ("Dense(3) >> 4", "do not combine"),
        ("3.5", "this is no network"),
        ("__import__('os').system('true')", "there is no __import__"),
        ("Dense(__import__('os'))", "there is no __import__"),
        ("Activation(os.system)", "os.system is no function of jax.nn or jax.numpy"),
        ("Dense([i for i in 'x'])", "expected a number or a network"),
    ],
)
def test_unreadable_text_says_why_and_where(text, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        parse(text)
    assert "^" in str(caught.value)


def test_the_error_points_at_the_place():
    with pytest.raises(ModelError) as caught:
        parse("Dense(512) >> Rleu() >> Dense(1)")
    assert caught.value.where.splitlines()[1].index("^") == len("Dense(512) >> ")
