"""Activations whose expectations are known in closed form."""

from riesz.networks._activations._activation import AbstractActivation


class AbstractExactActivation(AbstractActivation):
    """A continuous activation with `duals` in closed form."""

    @property
    def exact(self) -> bool:
        return True

    @property
    def differentiable(self) -> bool:
        return True
