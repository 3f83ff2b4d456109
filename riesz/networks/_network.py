"""The description of a network: one object, three readings."""

import dataclasses
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.text import parse as read
from riesz._core.text import write
from riesz.networks._covariances import Covariances, Level, Needs
from riesz.networks._parameter import Place

if TYPE_CHECKING:
    from riesz.networks._finite import FiniteNetwork
    from riesz.networks._infinite import InfiniteNetwork
    from riesz.networks._scaling import Scaling

Shape = tuple[int, ...]
Parameters = tuple[Any, ...]  # nested tuples of Parameter


class AbstractNetwork(eqx.Module):
    """A network as a description, without weights and without a size of its input.

    `network.init(shape, key=key)` is a finite network, `network.kernel()` its limit of infinite
    width and `network.scaling(rule)` how to initialise and train it at any width. Descriptions
    compose by `>>`, print as they are written and are read back by
    `riesz.networks.parse`. Standard deviations are leaves of the pytree, so that kernels are
    differentiable in them; sizes are static.

    Arrays of one input have shape `(*space, channels)`; there is no batch axis.

    ```python
    network = Dense(512, w_std=1.4) >> Relu() >> Dense(1)
    model = network.init(3, key=jax.random.key(0))
    model(jnp.ones(3))                                   # shape (1,)
    network.kernel().ntk(jnp.ones((5, 3)))               # shape (5, 5)
    ```
    """

    # Whether an output at one position depends on inputs at several, in a way that covariances
    # between equal positions alone do not determine.
    couples: ClassVar[bool] = False
    # Whether the limit reads the variances of its input.
    reads_variances: ClassVar[bool] = False

    @property
    def layers(self) -> "tuple[AbstractNetwork, ...]":
        """The layers in order: the links of a chain, or the network itself."""
        return (self,)

    @abstractmethod
    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the output for an input of this shape, channels last."""

    @abstractmethod
    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        """The finite network with these weights at one input."""

    @abstractmethod
    def propagate(self, inputs: Covariances) -> Covariances:
        """The covariances of the output in the limit of infinite width."""

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        """What is trained, for an input of this shape, in the order of use."""
        del shape, place
        return ()

    def needs(self, after: Needs) -> Needs:
        """What must be known before this network, for `after` to be known behind it."""
        own = max(after.own, Level.DIAGONAL) if self.reads_variances else after.own
        if not self.couples:
            return Needs(after.pair, own)
        return Needs(Level.FULL, Level.FULL if own else own)

    def __rshift__(self, after: "AbstractNetwork") -> "Chain":
        if not isinstance(after, AbstractNetwork):
            return NotImplemented
        return Chain(self.layers + after.layers)

    def __str__(self) -> str:
        return write(self)

    def init(self, shape: int | Shape, *, key: PRNGKeyArray) -> "FiniteNetwork":
        """A finite network with random weights, in the tangent kernel parametrisation.

        **Arguments:**

        - `shape`: of one input, `(*space, channels)`; a number of features for short.
        - `key`: for the weights.

        **Returns:** an `equinox.Module` that maps one input to one output. Weights are standard
        normal and act multiplied by w_std / sqrt(fan_in), biases by b_std.
        """
        return self.scaling("ntk").init(shape, key=key)

    def scaling(self, rule: str, base: "AbstractNetwork | None" = None) -> "Scaling":
        """How initial variances, multipliers and learning rates depend on width and depth.

        **Arguments:**

        - `rule`: `"standard"`, `"ntk"`, `"mup"` or `"mup-depth"`.
        - `base`: the network at which learning rates were tuned; see `riesz.networks.Scaling`.
        """
        from riesz.networks._scaling import make_scaling

        return make_scaling(self, rule, base)

    def kernel(self) -> "InfiniteNetwork":
        """The kernels of the network in the limit of infinite width."""
        from riesz.networks._infinite import InfiniteNetwork

        return InfiniteNetwork(self)


class Chain(AbstractNetwork):
    """Networks one after the other, written with `>>`."""

    links: tuple[AbstractNetwork, ...]

    def infix(self) -> tuple[str, tuple[AbstractNetwork, ...]]:
        """Its symbol in texts, and what stands between."""
        return ">>", self.links

    @property
    def layers(self) -> tuple[AbstractNetwork, ...]:
        return self.links

    def out_shape(self, shape: Shape) -> Shape:
        for link in self.links:
            shape = link.out_shape(shape)
        return shape

    def parameters(self, shape: Shape, place: Place) -> Parameters:
        trained = [bool(jax.tree.leaves(p)) for p in self._parameters(shape, [place] * len(self))]
        places = [
            place._replace(
                first=place.first and not any(trained[:i]),
                last=place.last and not any(trained[i + 1 :]),
            )
            for i in range(len(self))
        ]
        return self._parameters(shape, places)

    def _parameters(self, shape: Shape, places: list[Place]) -> Parameters:
        out = []
        for link, place in zip(self.links, places, strict=True):
            out.append(link.parameters(shape, place))
            shape = link.out_shape(shape)
        return tuple(out)

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        for i, (link, own) in enumerate(zip(self.links, weights, strict=True)):
            x = link.apply(own, x, None if key is None else jax.random.fold_in(key, i))
        return x

    def needs(self, after: Needs) -> Needs:
        for link in reversed(self.links):
            after = link.needs(after)
        return after

    def propagate(self, inputs: Covariances) -> Covariances:
        # backwards: what each layer has to leave for those after it
        after = [inputs.after]
        for link in reversed(self.links[1:]):
            after.append(link.needs(after[-1]))
        # forwards: the recursion
        for link, needs in zip(self.links, reversed(after), strict=True):
            inputs = link.propagate(replace(inputs, after=needs))
        return inputs

    def __len__(self) -> int:
        return len(self.links)


class Identity(AbstractNetwork):
    """The output is the input."""

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Any, x: Float[Array, "..."], key: PRNGKeyArray | None) -> Array:
        del weights, key
        return x

    def propagate(self, inputs: Covariances) -> Covariances:
        return inputs


def parse(text: str) -> AbstractNetwork:
    """Read a description of a network, such as `"Dense(512, w_std=1.4) >> Relu() >> Dense(1)"`.

    The text is what a description prints: names of `riesz.networks` called with numbers, tuples,
    strings, functions of `jax.nn` or `jax.numpy` and further descriptions, joined by `>>`.
    Nothing is executed but these calls.

    **Raises:** `ModelError` that points at the place that cannot be read.

    ```python
    assert str(parse("Dense(8) >> Erf() >> Dense(1)")) == "Dense(8) >> Erf() >> Dense(1)"
    ```
    """
    from riesz import networks

    names = {n: k for n, k in vars(networks).items() if dataclasses.is_dataclass(k)}
    return read(text, names, "network", AbstractNetwork)
