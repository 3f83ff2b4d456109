"""Graphons: the limits of dense graphs, and graphs sampled from them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from riesz._core.sizes import require_size
from riesz.domains import AbstractDiscretization, Interval, Points
from riesz.errors import DomainError, ModelError
from riesz.networks import GraphAggregate

_UNIT = Interval(0.0, 1.0)


class Graph(NamedTuple):
    """A graph whose nodes are points of [0, 1], and the aggregation over its edges.

    Signals on the graph are functions on `nodes`, so that graphs of different sizes carry the
    same function: `f(graph.nodes.coordinates)` has shape (n, channels).
    """

    nodes: Points
    aggregate: GraphAggregate


class Graphon(eqx.Module):
    """A symmetric function W(u, v) on [0, 1]^2: the limit of a sequence of dense graphs.

    Aggregation over a graph with n nodes at u_i and edges of weight W(u_i, u_j), divided by n,
    tends to the integral operator (T x)(u) = int W(u, v) x(v) dv. The kernels of a network with
    graphs tend to those of the network with the integral, and so do their spectra
    (Krishnagopal and Ruiz 2023, arXiv:2301.10808). By quadrature, `aggregate` gives the limit:
    on a fine grid, exactly up to the order of the grid's weights.

    **Arguments:**

    - `function`: W, on two arrays that broadcast; symmetric, with finite values.

    ```python
    graphon = Graphon(lambda u, v: jnp.exp(-((u - v) ** 2)))
    graph = graphon.graph(64)                             # or graphon.sample(64, key=key)
    layer = graph.aggregate
    network = layer >> Dense(1) >> Relu() >> layer >> Dense(1)
    x = jnp.cos(3 * graph.nodes.coordinates)              # a signal of one channel
    network.kernel().both(x[None]).ntk                    # shape (1, 1, 64, 64)
    limit = graphon.aggregate(Grid(Interval(0, 1), 33, nodes="chebyshev"))
    ```
    """

    function: Callable[[Array, Array], Array] = eqx.field(static=True)

    def aggregate(self, on: AbstractDiscretization) -> GraphAggregate:
        """The integral operator by the quadrature of a discretization of [0, 1].

        Its matrix is W(u_i, u_j) weights_j.

        **Raises:** `DomainError` when the domain is not [0, 1] or the circle of length 1;
        `ModelError` when W is not symmetric, not finite, or not a function of two arrays.
        """
        if on.domain.lower != (0.0,) or on.domain.upper != (1.0,):
            raise DomainError(
                "a graphon is a function on the unit square",
                where="Graphon.aggregate(on)",
                expected="a discretization of Interval(0, 1) or Torus(0, 1)",
                found=f"points of {on.domain}",
            )
        edges = self._edges(on.coordinates[..., 0])
        # W(u_i, u_j) w_j
        return GraphAggregate(edges * np.asarray(on.weights, float))

    def graph(self, n: int) -> Graph:
        """The complete graph on n nodes (i + 1/2) / n with edges of weight W(u_i, u_j).

        Aggregation is the rule of midpoints: of order 2 for smooth W and signals.
        """
        require_size("Graphon.graph(n)", "n", n)
        nodes = _nodes((jnp.arange(n, dtype=float) + 0.5) / n)
        return Graph(nodes, self.aggregate(nodes))

    def sample(self, n: int, *, key: PRNGKeyArray) -> Graph:
        """A W-random graph: n uniform nodes, edges of weight 1 with probability W(u_i, u_j).

        Nodes are in ascending order and have no edge to themselves (Lovasz and Szegedy 2006,
        arXiv:math/0408173). Aggregation divides by n, and errs by O(n^-1/2).

        **Raises:** `ModelError` when a value of W is no probability.
        """
        require_size("Graphon.sample(n)", "n", n)
        places, coins = jax.random.split(key)
        nodes = _nodes(jnp.sort(jax.random.uniform(places, (n,))))
        probability = self._edges(nodes.coordinates[:, 0])
        if probability.min() < 0 or probability.max() > 1:
            raise ModelError(
                "values of a graphon are probabilities of edges",
                where="Graphon.sample(n)",
                expected="0 <= W(u, v) <= 1",
                found=f"values from {probability.min():.6g} to {probability.max():.6g}",
                repair="divide W by its largest value, or use Graphon.graph(n), whose edges "
                "have weights",
            )
        tossed = np.asarray(jax.random.uniform(coins, (n, n)), float)
        # i < j with probability W(u_i, u_j), then i > j by symmetry
        above = np.triu(tossed < probability, 1)
        return Graph(nodes, GraphAggregate((above + above.T) / n))

    def _edges(self, u: Float[Array, " n"]) -> Float[np.ndarray, "n n"]:
        """W at all pairs of nodes, in float64."""
        edges: Any = np.asarray(self.function(u[:, None], u[None, :]), float)
        square = edges.shape == (len(u), len(u))
        if not square or not np.isfinite(edges).all() or not np.allclose(edges, edges.T, 1e-4):
            found = "W(u, v) and W(v, u) that differ" if square else f"shape {edges.shape}"
            finite = not square or np.isfinite(edges).all()
            raise ModelError(
                "a graphon is a symmetric function of two arrays with finite values",
                where="Graphon(function)",
                expected="W(u[:, None], u[None, :]) of shape (n, n), equal to its transpose",
                found=found if finite else "values that are not finite",
                repair="write W with jax.numpy, for example jnp.maximum(u, v); a constant is "
                "jnp.full_like(u - v, 0.5)",
            )
        return edges


def _nodes(u: Float[Array, " n"]) -> Points:
    """Points of the unit interval that each stand for the same share of it."""
    return Points(_UNIT, u[:, None], weights=jnp.full(u.shape, 1 / len(u)))
