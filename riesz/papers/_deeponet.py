"""DeepONets generalise, and their error falls fast with the number of training functions."""

from typing import TYPE_CHECKING

import numpy as np

import riesz
from riesz.papers._paper import Paper, pairs, scaled

if TYPE_CHECKING:
    import jax

    from riesz.operators import AbstractOperator
    from riesz.problems import AbstractProblem


def run(scale: float = 1.0) -> dict[str, float]:
    """Errors of DeepONets on 64, 256 and 1024 functions, and of a dense network on as many."""
    import jax

    problems = {
        "antiderivative": riesz.problems.Antiderivative(),
        "pendulum": riesz.problems.Pendulum(),
    }
    measured = {}
    for number, (name, problem) in enumerate(problems.items()):
        key = jax.random.fold_in(jax.random.key(0), number)
        measured |= {f"{name}_{k}": x for k, x in _curve(problem, scale, key).items()}
    return measured


def _curve(problem: "AbstractProblem", scale: float, key: "jax.Array") -> dict[str, float]:
    import jax

    from riesz.objectives import Supervised
    from riesz.operators import DeepONet
    from riesz.papers._baselines import FullyConnected

    keys = jax.random.split(key, 5)
    spaces = problem.input_space, problem.output_space
    data = pairs(problem, scaled(1024, scale, 256), 32, keys[0])
    test = pairs(problem, scaled(500, scale, 16), 32, keys[1])

    def errors(operator: "AbstractOperator", count: int) -> tuple[float, float]:
        """Mean relative L2 errors on unseen functions, and on those of the last training epoch."""
        fitted = riesz.fit(
            operator,
            data[:count],
            Supervised(riesz.RelativeLoss()),
            steps=scaled(5000, scale, 4),
            learning_rate=3e-3,
            weight_decay=1e-4,
            progress=False,
            key=keys[4],
        )
        report = riesz.evaluate(fitted.model, test)
        return report.to_json()["results"][0]["relative_l2"], fitted.history[-1].loss

    sizes = [len(data) // 16, len(data) // 4, len(data)]
    operator = DeepONet(*spaces, sensors=32, width=100, basis=64, key=keys[2])
    found = [errors(operator, size) for size in sizes]
    unseen, training = zip(*found, strict=True)
    dense, dense_training = errors(FullyConnected(spaces, 33, 126, key=keys[3]), sizes[-1])
    return {f"{size}": error for size, error in zip(sizes, unseen, strict=True)} | {
        # error ~ size^-rate
        "rate": -float(np.polyfit(np.log(sizes), np.log(unseen), 1)[0]),
        "gap": unseen[-1] / training[-1],  # test over training error, at the largest size
        "dense": dense,
        "dense_gap": dense / dense_training,
    }


DEEPONET = Paper(
    name="deeponet",
    title="DeepONet: Learning nonlinear operators for identifying differential equations based on "
    "the universal approximation theorem of operators",
    claim="The test error of a DeepONet falls polynomially with the number of training functions "
    "(64, 256, 1024; the rate is its exponent), stays within twice the training error (the gap), "
    "and is at most 2/3 of that of a fully connected network of the same size.",
    published="polynomial rates from one half to four and even exponential convergence in the size "
    "of the training set; significantly smaller generalisation error than fully connected networks "
    "(Lu et al. 2019, arXiv 1910.03193, abstract)",
    run=run,
)
