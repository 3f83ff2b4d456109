"""Parametrisations by powers of the width, and what becomes of them at infinite width."""

from typing import Literal, NamedTuple

import equinox as eqx

from riesz.errors import ModelError

Regime = Literal["unstable", "trivial", "kernel", "feature learning"]
_ROUNDING = 1e-9  # exponents closer than this are equal


class ABC(eqx.Module):
    """An abc-parametrisation of a multilayer perceptron (Yang and Hu 2021, arXiv:2011.14522).

    With L hidden layers of width n, layer l = 1, ..., L + 1 has the weights n^(-a_l) w_l, where
    the trained w_l start as N(0, n^(-2 b_l)), and SGD has the learning rate eta n^(-c).

    For each theta, a_l + theta, b_l - theta and c - 2 theta (for all l) are the same in function
    space.

    **Arguments:**

    - `a`, `b`: L + 1 exponents each.
    - `c`: the exponent of the learning rate.
    """

    a: tuple[float, ...] = eqx.field(static=True)
    b: tuple[float, ...] = eqx.field(static=True)
    c: float = eqx.field(static=True)

    def __check_init__(self):
        if len(self.a) != len(self.b) or len(self.a) < 2:
            raise ModelError(
                "exponents are given for each layer, the output included",
                where="ABC(a, b, c)",
                expected="as many a as b, at least two",
                found=f"{len(self.a)} a and {len(self.b)} b",
            )

    @property
    def hidden_layers(self) -> int:
        """The number L of hidden layers."""
        return len(self.a) - 1

    @classmethod
    def named(cls, name: str, hidden_layers: int) -> "ABC":
        """A parametrisation of the literature (table 1 of the paper).

        **Arguments:**

        - `name`: `"standard"`, with the largest stable learning rate, of order 1/n; `"ntk"`;
          `"mup"`; or `"mean-field"`, which has one hidden layer.
        """
        deep = hidden_layers - 1
        if name == "standard":
            # W_1 ~ N(0, 1), W_l ~ N(0, 1/n), rate eta / n
            return cls((0.0,) * (hidden_layers + 1), (0.0, *(0.5,) * hidden_layers), 1.0)
        if name == "ntk":
            # W_l = n^(-1/2) w_l with w_l ~ N(0, 1), rate eta
            return cls((0.0, *(0.5,) * hidden_layers), (0.0,) * (hidden_layers + 1), 0.0)
        if name == "mup":
            # W_1 ~ N(0, 1), W_l ~ N(0, 1/n) in between, W_(L+1) ~ N(0, 1/n^2), rate eta
            return cls((-0.5, *(0.0,) * deep, 0.5), (0.5,) * (hidden_layers + 1), 0.0)
        if name == "mean-field" and hidden_layers == 1:
            # f = 1/n sum_i w_i phi(u_i), rate eta n
            return cls((0.0, 1.0), (0.0, 0.0), -1.0)
        raise ModelError(
            "unknown parametrisation",
            where=f"ABC.named({name!r}, {hidden_layers})",
            expected="standard, ntk or mup, or mean-field with one hidden layer",
            found=f"{name!r} with {hidden_layers} hidden layers",
        )


class Classification(NamedTuple):
    """What becomes of an abc-parametrisation at infinite width, see `classify`.

    `r`: the last hidden features change in training by order n^(-r). `output`: the outputs change
    by order n^(-output). `violations`: the conditions of stability that do not hold.
    """

    regime: Regime
    r: float
    output: float
    violations: tuple[str, ...]

    @property
    def stable(self) -> bool:
        """Whether nothing blows up at the start and in training."""
        return not self.violations

    @property
    def nontrivial(self) -> bool:
        """Whether it is stable and the outputs change in training."""
        return self.regime in ("kernel", "feature learning")


def classify(parametrisation: ABC) -> Classification:
    """Whether an abc-parametrisation is stable and nontrivial, and whether it learns features.

    With r = min(a_(L+1) + b_(L+1), 2 a_(L+1) + c) + c - 1 + min_(l <= L) (2 a_l + [l = 1]) it is
    stable if and only if a_1 + b_1 = 0, a_l + b_l = 1/2 for 2 <= l <= L, a_(L+1) + b_(L+1) >= 1/2,
    r >= 0, 2 a_(L+1) + c >= 1 and a_(L+1) + b_(L+1) + r >= 1; nontrivial if and only if one of the
    last two is an equality. A stable and nontrivial one learns features if r = 0, and has
    the limit of kernel gradient descent if r > 0: never both (Yang and Hu 2021, arXiv:2011.14522,
    definition 3.2, theorems 3.3, 3.4 and 3.8, corollary 3.9; for tanh and smooth relatives of
    relu, SGD, and any number of steps that does not grow with the width).

    ```python
    assert classify(ABC.named("ntk", 3)).regime == "kernel"
    assert classify(ABC.named("mup", 3)).regime == "feature learning"
    ```
    """
    a, b, c = parametrisation.a, parametrisation.b, parametrisation.c
    start = a[-1] + b[-1]
    update = 2 * a[-1] + c
    hidden = min(2 * a_l + (layer == 0) for layer, a_l in enumerate(a[:-1]))
    r = min(start, update) + c - 1 + hidden
    # stability asks for both to be >= 1, a change of the outputs for one of them to be 1
    output = min(start + r, update) - 1
    conditions = {
        "a_1 + b_1 = 0": _zero(a[0] + b[0]),
        "a_l + b_l = 1/2 in between": all(
            _zero(x + y - 0.5) for x, y in zip(a[1:-1], b[1:-1], strict=True)
        ),
        "a_(L+1) + b_(L+1) >= 1/2": start >= 0.5 - _ROUNDING,
        "r >= 0": r >= -_ROUNDING,
        "2 a_(L+1) + c >= 1": update >= 1 - _ROUNDING,
        "a_(L+1) + b_(L+1) + r >= 1": start + r >= 1 - _ROUNDING,
    }
    violations = tuple(text for text, holds in conditions.items() if not holds)
    regime: Regime = "feature learning" if _zero(r) else "kernel"
    if violations:
        regime = "unstable"
    elif not _zero(output):
        regime = "trivial"
    return Classification(regime, r, output, violations)


def _zero(x: float) -> bool:
    return abs(x) < _ROUNDING
