"""`riesz solve`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riesz.cli import _defaults as defaults
from riesz.cli._app import AsJson, Data, Input, Nodes, command, count
from riesz.cli._output import Answer
from riesz.errors import UsageError

if TYPE_CHECKING:
    from riesz.cli._folder import RunFolder
    from riesz.cli._options import stem_of
    from riesz.cli._reading import Reading
    from riesz.functions import Function
    from riesz.learning import Fitted
    from riesz.problems import AbstractProblem

_OBJECTIVES = ("residual", "energy")
_STEPS, _REFINE = 1000, 4  # the reference is solved so much finer


@command(
    "solve",
    "riesz solve darcy --objective energy --out runs/solution",
    "riesz solve darcy --data media.npz --nodes vertex --steps 2000 --out runs/medium",
)
def solve(
    problem: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM",
            help='Such as darcy or "Darcy(source=2.0)"; riesz problems lists them.',
        ),
    ],
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="residual, whose mean square at random points is made small; or energy, where "
            "the equation has one.",
        ),
    ] = "residual",
    data: Data = None,
    input: Input = None,
    nodes: Nodes = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Draw a random input of the problem's smooth variant.")
    ] = False,
    grid: Annotated[int | None, count("Cells along an axis of a random input.", min=4)] = None,
    width: Annotated[int, count("Hidden channels of the network.", min=1)] = 32,
    depth: Annotated[int, count("Hidden layers of the network.", min=1)] = 3,
    steps: Annotated[int | None, count("Training steps.", min=1)] = None,
    time_budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Of the fit.", min=1)
    ] = None,
    seed: Annotated[int, count("Of the input and the weights.", min=0, max=2**31 - 1)] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Run folder; runs/PROBLEM-solution.")
    ] = None,
    as_json: AsJson = False,
) -> Answer:
    """Solve an equation by a network, without data.

    The solution for one input, a random one or the first of a file, is a network of the
    coordinates. It is fitted by the equation alone, and compared with the reference solver.
    Boundary values of zero hold exactly. The folder is a model, for riesz predict at points and
    riesz info, and gets a figure. The same command in the same folder goes on with a run that was
    interrupted.
    """
    from riesz.cli._folder import RunFolder
    from riesz.cli._reading import Reading
    from riesz.cli._source import is_problem, make_problem, unknown_problem

    if not is_problem(problem):
        raise unknown_problem(problem, "solve")
    if objective not in _OBJECTIVES:
        raise UsageError(
            "unknown objective",
            where=f"riesz solve --objective {objective}",
            expected=" or ".join(_OBJECTIVES),
            found=objective,
        )
    family = make_problem(problem)
    family = family.smooth() if smooth else family
    _require_boundary(family, problem)
    a = _input(family, data, Reading(input=input, nodes=nodes), grid, seed)
    if steps is None and time_budget is None:
        steps = _STEPS
    settings = {
        "solve": problem,
        "objective": objective,
        "data": data,
        "input": input,
        "smooth": smooth,
        "shape": list(a.discretization.shape),
        "width": width,
        "depth": depth,
        "steps": steps,
        "time_budget": time_budget,
        "seed": seed,
    }
    folder = RunFolder(out or Path("runs") / f"{stem_of(problem)}-solution", settings)
    folder.run(lambda: _run(family, a, settings, folder))
    return _answer(folder)


def _require_boundary(family: "AbstractProblem", name: str) -> None:
    if not family.zero_boundary:
        raise UsageError(
            "the residual of this equation does not hold its boundary or initial values",
            where=f"riesz solve {name}",
            expected="a problem whose solutions vanish on the boundary, such as darcy",
            found=name,
            repair="in Python: riesz.fit(field, objective=Residual(...)) with a residual of both",
        )


def _input(
    family: "AbstractProblem", data: str | None, reading: "Reading", grid: int | None, seed: int
) -> "Function":
    """The first function of a file, or a random one, on the points of the reference solution."""
    import jax

    from riesz.cli._predict import read_inputs
    from riesz.functions import take

    if data is not None:
        f = take(read_inputs(data, reading, {}, family.input_space), 0)
        return jax.tree.map(jax.numpy.asarray, f)
    cells = grid or defaults.GRID[family.input_space.domain.dim]
    on = family.discretization(cells * _REFINE)
    return family.sample_input(on, key=jax.random.fold_in(jax.random.key(seed), 0))


def _run(
    family: "AbstractProblem", a: "Function", settings: dict[str, Any], folder: "RunFolder"
) -> None:
    import jax

    from riesz import save
    from riesz.cli._plots import solution

    keys = jax.random.split(jax.random.fold_in(jax.random.key(settings["seed"]), 1))
    fitted = _fit(family, a, settings, folder, keys)
    reference = family.solve(a)
    u = fitted.model.on(reference.discretization)
    value = {
        **settings,
        "error": float((u - reference).norm() / reference.norm()),
        "status": fitted.status.name,
        "steps": fitted.steps,
        "fit_seconds": round(fitted.seconds, 2),
    }
    solution(folder.path, a, reference, u)
    save(folder.path, fitted.model, card={"solution": value})


def _fit(
    family: "AbstractProblem",
    a: "Function",
    settings: dict[str, Any],
    folder: "RunFolder",
    keys: Any,
) -> "Fitted":
    from riesz import fit
    from riesz.functions import Field
    from riesz.objectives import Residual

    equation = family.equation(a)
    fitted = fit(
        Field.mlp(
            family.output_space,
            width=settings["width"],
            depth=settings["depth"],
            zero_boundary=family.zero_boundary,
            key=keys[0],
        ),
        objective=Residual(equation)
        if settings["objective"] == "residual"
        else lambda u, batch, key: equation.energy(u, key),
        steps=settings["steps"],
        time_budget=settings["time_budget"],
        folder=folder.path / "fit",
        key=keys[1],
    )
    return folder.usable(fitted)


def _answer(folder: "RunFolder") -> Answer:
    from riesz import read_card

    value = read_card(folder.path)["solution"]
    where = shlex.quote(str(folder.path))
    text = [
        *summary(value),
        f"{where}: model, solution.png",
        f"riesz predict {where} POINTS.csv -o values.csv gives its values at points",
    ]
    return Answer({"out": str(folder.path), **value}, "\n".join(text))


def summary(value: dict[str, Any]) -> list[str]:
    """How a solution was found and how good it is."""
    points = " x ".join(map(str, value["shape"]))
    return [
        f"{value['solve']} by its {value['objective']}: relative L2 error {value['error']:.2%} "
        f"against the reference solver on {points} points",
        f"{value['steps']} steps, {value['fit_seconds']:.0f} s, {value['status']}",
    ]
