"""`riesz predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riesz.cli._app import AsJson, Channels, Domain, Input, Nodes, Periodic, command
from riesz.cli._output import Answer
from riesz.errors import DataError, UsageError

if TYPE_CHECKING:
    from riesz.cli._reading import Reading
    from riesz.domains import AbstractDiscretization, Space
    from riesz.functions import Function

_ARRAYS = ("prediction", "lower", "upper", "coordinates")


@command(
    "predict",
    "riesz predict runs/darcy input.npz -o output.npz",
    "riesz predict runs/darcy fields.h5::test --input coefficient --nodes left -o bands.h5",
    "riesz predict runs/co2 dates.csv -o answers.csv",
)
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or model folder.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A data file, FILE or FILE::GROUP; riesz formats lists the formats.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write, .npz or .h5; of a process .csv, too.",
        ),
    ],
    input: Input = None,
    domain: Domain = None,
    channels: Channels = None,
    periodic: Periodic = None,
    nodes: Nodes = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="FILE",
            help="File with functions of the output, at whose points the answer is wanted.",
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Of a process: points and values to condition it on first."
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(metavar="X", help="Standard deviation of the noise of --given.", min=0),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an output that exists.")] = False,
    as_json: AsJson = False,
) -> Answer:
    """Predict outputs with their band.

    For one function or many, at any resolution. Where outputs were sampled at other points than
    inputs in training, the answer is given there. The output holds the arrays prediction, lower
    and upper, of shape (samples, points..., channels), NaN where a value is missing, and
    coordinates, of shape (points..., axes), or one set per sample. Outputs that are numbers are
    arrays of their names, too, such as drag, drag_lower and drag_upper; where outputs lie on
    several domains, there is u, u_lower, u_upper and u_coordinates for each output u instead.

    Of a process, and of a solution by riesz solve, INPUT holds points; after riesz fit-process in
    the columns that had them in the fit. The output holds mean, lower and upper, of shape (points,
    values), in the units of the file, or a solution's prediction, and the points. Intervals are of
    single values, after riesz fit-process with their noise.
    """
    from riesz.cli._arrays import require_free
    from riesz.cli._models import answers_at_points, open_model
    from riesz.cli._predict_points import predict_points
    from riesz.cli._reading import Reading

    reading = Reading(input, None, None, domain, channels, periodic, nodes)
    require_free(output, force, columns=True)  # whatever the run is
    if answers_at_points(run):
        used = {**reading.given(), **({} if on is None else {"on": on})}
        _require_none(run, "operators", {name: x for name, x in used.items() if name != "input"})
        return predict_points(run, file, output, reading, given, noise)
    require_free(output, force)
    asked = {"given": given, "noise": noise}
    _require_none(run, "processes", {name: x for name, x in asked.items() if x is not None})
    model, card = open_model(run)
    functions = read_inputs(file, reading, card, model.input_space)
    where = _output_points(run, on, card, model, functions)
    return _write_answers(output, model, functions, where)


def _require_none(run: Path, kind: str, options: dict[str, Any]) -> None:
    if options:
        raise UsageError(
            f"these options are for {kind}",
            where=f"riesz predict {run}",
            expected="a file of points, with --input NAMES where its columns have other names"
            if kind == "operators"
            else "a file of functions",
            found=", ".join(f"--{name}" for name in options),
            repair="leave them out",
        )


def _write_answers(
    output: Path, model: Any, functions: "Function", where: "AbstractDiscretization | None"
) -> Answer:
    """Compute the answers, write them, and say what they are worth."""
    import warnings

    from riesz.data.internal import write_arrays
    from riesz.evaluation import Banded, check_range
    from riesz.operators import apply

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        beyond = check_range(model, functions)
    banded = isinstance(model, Banded)
    band = model.apply(functions, where) if banded else None
    u = apply(model, functions, where) if band is None else band.prediction
    answers = {"prediction": u}
    if band is not None:
        answers |= {"lower": band.lower, "upper": band.upper}
    arrays: dict[str, Any] = _numbers(model, answers)
    if len(u.components) == 1:
        arrays |= {name: _present(f) for name, f in answers.items()}
        arrays["coordinates"] = _coordinates(u)
    attributes = {"channels": list(u.space.names), "level": getattr(model, "level", None)}
    write_arrays(output, arrays, attributes)
    shapes = [list(f.values.shape[1:-1]) for f in u.components]
    count, shape = u.values.shape[0], shapes if len(shapes) > 1 else shapes[0]
    points = " + ".join(" x ".join(map(str, one)) or "1" for one in shapes)
    value = {
        "output": str(output),
        "samples": count,
        "shape": shape,
        **attributes,
        "arrays": sorted(arrays),
        "warnings": [str(w) for w in beyond],
    }
    text = f"{output}: {count} predictions on {points} points"
    if band is not None:
        more, said = _worth(model, band, bool(beyond))
        value, text = {**value, **more}, text + said
    return Answer(value, text + f"\narrays: {', '.join(sorted(arrays))}")


def _worth(model: Any, band: Any, beyond: bool) -> tuple[dict[str, Any], str]:
    """What is known of bands: their mean half-width, and whether they keep their level."""
    import jax

    u = band.prediction
    half = jax.vmap(lambda b: b.half_width())(band).mean(0).tolist()
    calibrated = model.calibrated_on(jax.tree.map(lambda x: x[0], u).discretization)
    parts = zip(u.space.names, half, u.space.units, strict=True)
    widths = ", ".join(f"{name} {h:.3g} {unit}".strip() for name, h, unit in parts)
    text = f"; mean half-width of the bands: {widths}"
    if beyond:
        text += "; inputs are unlike those of the calibration, and nothing is promised"
    elif calibrated:
        text += f"; they hold the whole function with probability {model.level:.0%}"
        text += f" ({model.meaning()})"
    else:
        text += "; they were not calibrated on these points, and nothing is promised"
    return {"calibrated": calibrated, "half_width": half}, text


def _output_points(
    run: Path, on: str | None, card: dict[str, Any], model: Any, functions: "Function"
) -> "AbstractDiscretization | None":
    """Where the answer is given: None at the points of the inputs."""
    from riesz.cli._training import POINTS
    from riesz.data import load_functions
    from riesz.functions import take

    if on is not None:
        target = load_functions(on, domain=model.output_space.domain)
        return _one_or_each(target, len(functions.values), on)
    if (run / POINTS).exists():
        return take(load_functions(run / POINTS), 0).discretization
    if card.get("data", {}).get("outputs_elsewhere"):
        raise UsageError(
            "where the outputs are wanted is not known: in training each had its own points",
            where=f"riesz predict {run}",
            expected="--on FILE with functions at those points, one for all inputs or one for each",
            found="no --on",
            repair="riesz.domains.Points and riesz.functions.batch make them, "
            "save_functions writes them",
        )
    return None


def _one_or_each(target: "Function", count: int, spec: str) -> "AbstractDiscretization":
    """The points of one function, or of one for each input."""
    from riesz.functions import take

    if not target.discretization.stacked or len(target.values) == 1:
        return take(target, 0).discretization
    if len(target.values) != count:
        raise UsageError(
            "the points wanted are neither one set for all inputs nor one for each",
            where=f"--on {spec}",
            expected=f"1 or {count} functions",
            found=f"{len(target.values)} functions",
            repair="give as many sets of points as inputs",
        )
    return target.discretization


def _numbers(model: Any, answers: "dict[str, Function]") -> dict[str, Any]:
    """The outputs that are numbers, `(samples, channels)`: drag, drag_lower and drag_upper.

    One that is named as an array of all predictions is called so with _number behind it. Outputs
    that are kept apart are all here, with their coordinates.
    """
    from riesz.operators import parts_of

    parts, arrays = parts_of(model), {}
    if parts is None:
        return arrays
    for role, f in answers.items():
        for name, part in parts[1].split(f).items():
            if part.domain != f.domain:
                name = f"{name}_number" if name in _ARRAYS else name
                arrays[name if role == "prediction" else f"{name}_{role}"] = _present(part)
                if part.domain.dim:
                    arrays[f"{name}_coordinates"] = _coordinates(part)
    return arrays


def _present(f: "Function") -> Any:
    """Values, NaN where they are missing."""
    import numpy as np

    present = np.asarray(f.discretization.weights) > 0
    return np.where(present[..., None], np.asarray(f.values), np.nan)


def _coordinates(u: "Function") -> Any:
    """Those of all samples, or one set per sample; NaN where points are padding."""
    import numpy as np

    where = u.discretization
    coordinates = np.asarray(where.coordinates)
    if where.grid is not None or where.mask is None:
        return coordinates
    return np.where(np.asarray(where.mask)[..., None], coordinates, np.nan)


def read_inputs(spec: str, reading: "Reading", card: dict[str, Any], space: "Space") -> "Function":
    """A batch of functions; an array without an axis of samples is one function."""
    from riesz._core.progress import say
    from riesz.cli._reading import known_reading
    from riesz.data import Location, load_functions
    from riesz.data.internal import axes_of, fields_of, open_source

    source = open_source(Location(spec))
    foreign = source.description is None
    reading, lines = known_reading(reading, card, source)
    for line in lines:
        say(f"note: taken {line}")
    name, fields = reading.input, fields_of(source)
    if foreign and name is None and len(fields) > 1:
        name = next((n for n in ("input", "inputs", "a", "x", "values") if n in fields), None)
    single = name or (next(iter(source.arrays)) if len(source.arrays) == 1 else None)
    if foreign and single in source.arrays:
        alone = len(source.arrays[single].shape) == space.domain.dim
        if alone and not axes_of(source, single, "input"):
            points = " x ".join(map(str, source.arrays[single].shape))
            say(f"note: taken {single!r} as one function on {points} points, not as several")
            return _single(source, single, reading.side("input")["nodes"], space)
    lead = card.get("data", {}).get("lead")
    known = {"lead": lead, "space": space} if foreign else {}
    functions = load_functions(spec, name=name, **reading.options(), **known)
    if not space.accepts(functions.space):
        raise UsageError(
            "the functions are not of the model's input space",
            where=spec,
            expected=f"{space.channels} channels on {space.domain}",
            found=f"{functions.space.channels} channels on {functions.space.domain}",
            repair="give functions like those the model was trained on; riesz info shows them",
        )
    return functions


def _single(source: Any, name: str, nodes: Any, space: "Space") -> "Function":
    import numpy as np

    from riesz.domains import Grid, MaskedGrid
    from riesz.functions import batch

    shape = source.arrays[name].shape
    (values,) = source.blocks(name, [(0, shape[0])])
    values = np.asarray(values, np.float32)
    missing = np.isnan(values)
    if np.isinf(values).any() or missing.all():
        raise DataError(
            f"data set {name!r} holds infinite values, or none at all",
            where=str(source.location),
            expected="numbers, and NaN where a value is missing",
            found=f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite",
            repair="a model cannot say anything about such an input",
        )
    grid = Grid(space.domain, shape, nodes)
    where = MaskedGrid(grid, ~missing) if missing.any() else grid
    return batch(np.where(missing, 0, values)[None, ..., None], where, space)
