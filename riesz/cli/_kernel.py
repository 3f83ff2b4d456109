"""`riesz kernel`."""

from pathlib import Path
from typing import Annotated

import typer

from riesz.cli._app import AsJson, command
from riesz.cli._output import Answer

Network = Annotated[
    str,
    typer.Option(
        "--network",
        metavar="TEXT",
        help='Layers of riesz.networks, such as "Dense(512, w_std=1.4) >> Relu() >> Dense(1)".',
    ),
]


@command(
    "kernel",
    'riesz kernel --network "Dense(512, w_std=1.4) >> Relu() >> Dense(1)" X.npz -o K.npz',
)
def kernel(
    x: Annotated[str, typer.Argument(metavar="X", help="A data file of inputs.")],
    network: Network,
    y: Annotated[str | None, typer.Argument(metavar="[Y]", help="Other inputs.")] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="File to write, K.npz or K.h5."),
    ] = Path("K.npz"),
    name: Annotated[
        str | None, typer.Option("--input", metavar="NAME", help="Array of the inputs.")
    ] = None,
    single: Annotated[bool, typer.Option("--float32", help="Compute in single precision.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the output.")] = False,
    as_json: AsJson = False,
) -> Answer:
    """Kernels of a network of infinite width, between all inputs.

    Writes `nngp`, the covariance of an output with random weights, and `ntk`, the tangent
    kernel.
    """
    import jax

    from riesz.cli._arrays import require_free
    from riesz.data.internal import read_array, write_arrays
    from riesz.kernels import gram
    from riesz.networks import parse

    require_free(output, force)
    limits = parse(network).kernel()
    first = read_array(x, name)
    second = None if y is None else read_array(y, name)
    with jax.enable_x64(not single):
        kind = "float32" if single else "float64"
        first, second = (None if a is None else a.astype(kind) for a in (first, second))
        matrices = {k: gram(getattr(limits, k), first, second) for k in ("nngp", "ntk")}
    value = {
        "file": str(output),
        "network": network,
        "shape": list(matrices["nngp"].shape),
        "exact": limits.exact,
        "approximated": [str(a) for a in limits.approximations],
    }
    write_arrays(output, matrices, value)
    how = "closed form" if limits.exact else "numerical for " + ", ".join(value["approximated"])
    text = f"{output}: nngp and ntk, {' x '.join(map(str, value['shape']))}, {kind}, {how}"
    return Answer(value, text)
