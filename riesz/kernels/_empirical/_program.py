"""The program that a model traces to, equation by equation."""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import (
    ClosedJaxpr,
    Literal,
    Var,
    jaxpr_as_fun,
    jaxprs_in_params,
)
from jaxtyping import Array, PyTree

# Programs and their equations: jax declares too little of them to check their types.
Program = Equation = Any

CALLS = ("jit", "pjit")  # a call of a compiled function, by its names in different versions


def program_of(f: Callable[..., Array], *args: PyTree) -> Program:
    """The program of f, with the calls of compiled functions written out."""
    closed = jax.make_jaxpr(f)(*args)
    flat = jax.tree.leaves(args)
    return jax.make_jaxpr(lambda *xs: run(closed.jaxpr, closed.consts, xs))(*flat)


def run(
    program: Program,
    consts: Any,
    args: Any,
    watch: Callable[[Equation, list[Any], list[Any]], list[Any]] | None = None,
) -> list[Any]:
    """Evaluate a program; `watch` receives each equation's operands and may change its results.

    Without `watch` the calls of compiled functions are followed into their bodies.
    """
    known: dict[Var, Any] = dict(zip(program.constvars, consts, strict=True))
    known.update(zip(program.invars, args, strict=True))

    def value(atom):
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in program.eqns:
        operands = [value(atom) for atom in equation.invars]
        if equation.primitive.name in CALLS and watch is None:
            inner = equation.params["jaxpr"]
            results = run(inner.jaxpr, inner.consts, operands)
        else:
            results = _evaluate(program, equation, known)
        if watch is not None:
            results = watch(equation, operands, results)
        known.update(zip(equation.outvars, results, strict=True))
    return [value(atom) for atom in program.outvars]


def _evaluate(program: Program, equation: Equation, known: dict[Var, Any]) -> list[Any]:
    """The results of one equation, run as a program of its own."""
    needed = list(dict.fromkeys(v for v in equation.invars if isinstance(v, Var)))
    alone = program.replace(
        constvars=[], invars=needed, outvars=list(equation.outvars), eqns=[equation]
    )
    return jaxpr_as_fun(ClosedJaxpr(alone, []))(*(known[v] for v in needed))


def floats_of(program: Program) -> int:
    """How many numbers a program computes: what reverse mode may have to keep."""
    total = sum(v.aval.size for equation in program.eqns for v in equation.outvars)
    for equation in program.eqns:
        inner = sum(floats_of(part) for part in jaxprs_in_params(equation.params))
        # a scan runs its body `length` times
        total += equation.params.get("length", 1) * inner
    return total
