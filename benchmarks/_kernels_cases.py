"""What is compared: descriptions as Riesz writes them, and the sizes of their inputs."""

import numpy as np

VECTORS, IMAGES = (1000, 32), (20, 14, 14, 1)
TINY_VECTORS, TINY_IMAGES = (6, 5), (6, 6, 5, 2)


def mlp(activation: str, hidden: int = 3) -> str:
    """A multilayer perceptron."""
    layer = f"Dense(512, w_std=1.4, b_std=0.2) >> {activation}"
    return " >> ".join([layer] * hidden + ["Dense(1)"])


def cnn(readout: str, padding: str = "same") -> str:
    """Two 3 x 3 convolutions with ReLU."""
    layer = f'Conv(64, (3, 3), w_std=1.4, b_std=0.2, padding="{padding}") >> Relu()'
    return f"{layer} >> {layer} >> {readout}() >> Dense(1)"


_CONV = "Conv(64, (3, 3), w_std=1.4)"
_BLOCK = "Residual(Relu() >> Dense(512, w_std=0.7, b_std=0.1))"
_CONV_BLOCK = f"Residual(Relu() >> {_CONV})"
_BRANCHES = "Relu() >> Dense(512, w_std=1.3), Erf() >> Dense(512, b_std=0.3)"
_ATTENTION = "Attention(64, w_std=1.3, b_std=0.2, query_std=0.8)"
_END = "Relu() >> Flatten() >> Dense(1)"

DESCRIPTIONS = {
    "MLP, ReLU": mlp("Relu()"),
    "MLP, erf": mlp("Erf()"),
    "MLP, GELU": mlp("Gelu()"),
    "MLP, leaky ReLU": mlp("LeakyRelu(0.1)"),
    "MLP, sin": mlp("Sin()"),
    "MLP, absolute value": mlp("Abs()"),
    "MLP, Rbf": mlp("Rbf(1.0)"),
    "MLP, dropout": mlp("Relu() >> Dropout(0.2)"),
    "MLP, layer norm": mlp("Erf()").replace("0.2)", "0.2) >> LayerNorm()"),
    "residual MLP": f"Dense(512) >> {_BLOCK} >> {_BLOCK} >> Relu() >> Dense(1)",
    "sum of branches": f"Dense(512) >> Sum({_BRANCHES}) >> Gelu() >> Dense(1)",
    "product of branches": f"Dense(512) >> Product({_BRANCHES}) >> Dense(1)",
    "concatenation": f"Dense(512) >> Concatenate({_BRANCHES}) >> Dense(1)",
    "CNN, flattened": cnn("Flatten"),
    "CNN, pooled": cnn("GlobalAveragePool"),
    "CNN, valid": cnn("Flatten", "valid"),
    "CNN, valid, pooled": cnn("GlobalAveragePool", "valid"),
    "CNN, circular": cnn("Flatten", "circular"),
    "CNN, circular, pooled": cnn("GlobalAveragePool", "circular"),
    "residual CNN": f"{_CONV} >> {_CONV_BLOCK} >> {_CONV_BLOCK} >> {_END}",
    "residual CNN, pooled": f"{_CONV} >> {_CONV_BLOCK} >> GlobalAveragePool() >> Dense(1)",
    "average pool, convolution": f"{_CONV} >> Relu() >> AveragePool((2, 2)) >> {_CONV} >> {_END}",
    "attention, softmax": f"{_CONV} >> {_ATTENTION} >> {_END}",
    "attention, linear": f'{_CONV} >> Attention(64, query_std=0.3, score="linear") >> {_END}',
    "CNN, layer norm": f"{_CONV} >> LayerNorm() >> Relu() >> {_CONV} >> {_END}",
    "CNN, dropout": f"{_CONV} >> Relu() >> Dropout(0.3) >> {_CONV} >> {_END}",
}


_PADDINGS = (
    'Conv(8, (3, 3), b_std=0.2) >> Relu() >> Conv(8, (3, 3), padding="circular") >> Erf() >> '
    'Conv(8, (3, 3), padding="valid") >> Relu()'
)
# Every layer, padding and closed activation, few to a network: recorded for the tests.
ORACLE = (
    mlp("Relu()", hidden=2),
    "Dense(8) >> Erf() >> Dense(8, b_std=0.3) >> Gelu() >> Dense(8) >> LeakyRelu(0.1) >> Dense(1)",
    "Dense(8) >> Sin() >> Dense(8, b_std=0.3) >> Abs() >> Dense(8) >> Rbf(0.7) >> Dense(1)",
    "Dense(8) >> LayerNorm() >> Relu() >> Dropout(0.2) >> Dense(8) >> Erf() >> Dense(1)",
    "Dense(8) >> Residual(Relu() >> Dense(8, w_std=0.7)) >> Erf() >> Dense(1)",
    "Dense(8) >> Sum(Relu() >> Dense(8), Erf() >> Dense(8, b_std=0.3)) >> Gelu() >> Dense(1)",
    "Dense(8) >> Product(Relu() >> Dense(8), Erf() >> Dense(8, b_std=0.3)) >> Dense(1)",
    "Dense(8) >> Concatenate(Relu() >> Dense(4), Erf() >> Dense(12, w_std=1.3)) >> Dense(1)",
    f"{_PADDINGS} >> Flatten() >> Dense(1)",
    f"{_PADDINGS} >> GlobalAveragePool() >> Dense(1)",
    f"Conv(64, (2, 3)) >> {_CONV_BLOCK} >> {_END}",
    f"{_CONV} >> LayerNorm() >> Relu() >> Dropout(0.3) >> {_CONV} >> {_END}",
    f"{_CONV} >> Relu() >> AveragePool((2, 2)) >> Conv(8, (2, 2)) >> {_END}",
    f"{_ATTENTION} >> Conv(8, (2, 2)) >> {_END}",
    f'Conv(8, (2, 2)) >> Attention(8, query_std=0.3, score="linear") >> {_END}',
)


def inputs(description: str, tiny: bool = False) -> dict[str, np.ndarray]:
    """Two sets of standard normal inputs in float64: images for a network that convolves."""
    vectors, images = (TINY_VECTORS, TINY_IMAGES) if tiny else (VECTORS, IMAGES)
    size = images if "Conv" in description else vectors
    x, y = np.random.default_rng(0).standard_normal((2, *size))
    return {"x": x, "y": y}
