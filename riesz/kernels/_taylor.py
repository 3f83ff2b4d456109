"""Taylor expansions of a model in its parameters."""

from math import factorial
from typing import Any

import equinox as eqx
import jax

from riesz.errors import ModelError
from riesz.functions import Function
from riesz.kernels._empirical import Parametrised, parameters, values_of


class TaylorModel(eqx.Module):
    """A polynomial in the parameters p of a model, its expansion around p0. See `taylor`.

    `model` holds the parameters p; they begin at p0 and are trained. p0 is data of `centre`.
    """

    model: eqx.Module
    centre: Parametrised
    order: int = eqx.field(static=True)

    def __call__(self, x: Any, *args: Any) -> Any:
        """The polynomial at one input, with whatever else the model takes."""
        centre = self.centre
        pairs = zip(parameters(self.model)[0], centre.leaves, strict=True)
        step = tuple(p - p0 for p, p0 in pairs)

        def derivative(k: int):
            """The derivative of order k at p0 along the step, as a function of the position."""
            if k == 0:
                return lambda leaves: values_of(centre.model(leaves)(x, *args))
            lower = derivative(k - 1)
            # D^k f(p)[s, ..., s] = D(D^(k-1) f(.)[s, ..., s])(p)[s]
            return lambda leaves: jax.jvp(lower, (leaves,), (step,))[1]

        # 1/k! D^k f(p0)[s, ..., s], s = p - p0
        terms = [derivative(k)(centre.leaves) / factorial(k) for k in range(self.order + 1)]
        values = sum(terms[1:], terms[0])
        output = centre.model(centre.leaves)(x, *args)
        if isinstance(output, Function):
            return Function(values, output.discretization, output.space)
        return values


def taylor(model: eqx.Module, order: int) -> TaylorModel:
    """The Taylor polynomial of a model in its parameters p.

        f(p) ~ sum_k 1/k! D^k f(p0)[p - p0, ..., p - p0],  k = 0 to `order`.

    Order 1 is the linearised model, whose tangent kernel does not change in training (Lee et
    al. 2019, arXiv 1902.06720); order 2 the quadratic model, which shows the catapult phase of
    large learning rates (Zhu et al. 2022, arXiv 2205.11787). An evaluation costs about 2^order
    of those of the model.

    **Arguments:**

    - `model`: called on an input it returns an array or a `Function`; its parameters are those of
      `riesz.operators.trainable`, and p0 their present values.
    - `order`: at least 0.

    **Returns** a model with the same parameters p, at p0: `taylor(f, 1).model` is f until it is
    trained.

    **Raises:** `ModelError` for a negative order, or a model without real parameters.

    ```python
    quadratic = taylor(eqx.nn.MLP(2, 1, 64, depth=2, key=jax.random.key(0)), order=2)
    gradient = eqx.filter_grad(lambda f: f(jnp.ones(2)).sum())(quadratic)
    ```
    """
    if order < 0:
        raise ModelError(
            "a Taylor polynomial has an order of at least 0",
            where="taylor(model, order)",
            expected="order >= 0; 1 linearises",
            found=f"order={order}",
        )
    return TaylorModel(model, Parametrised(model), order)


def linearise(model: eqx.Module) -> TaylorModel:
    """The linearised model f(p0) + Df(p0)[p - p0], `taylor(model, 1)`."""
    return taylor(model, 1)
