"""Every layer at infinite width against wide finite networks made by the same description.

To ten digits, layers are compared with another implementation in test_oracle.py, and to 1 % with
finite networks in benchmarks/layers.py.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks import Chain, Dense, Dropout, Erf, Relu
from riesz.testing import NETWORK_INSTANCES, check_network


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORK_INSTANCES)
def test_the_limit_is_that_of_wide_networks(name):
    case = NETWORK_INSTANCES[name]
    found = check_network(
        case.build(case.width), case.shape, width=case.width, visible=case.visible
    )
    assert max(found.nngp, found.ntk) < case.visible


class Wrong(Chain):
    """Links whose limit is that of other ones."""

    other: Chain

    def kernel(self):
        return self.other.kernel()


@pytest.mark.parametrize(
    ("w_std", "b_std", "kernel"), [(1.23, 0.4, "NNGP"), (1.2, 0.6, "NNGP"), (1.2, 0.4, None)]
)
def test_a_wrong_constant_is_found(w_std, b_std, kernel):
    start = (Dense(4096, 1.3, 0.3), Erf())
    wrong = Wrong((*start, Dense(1, 1.2, 0.4)), Chain((*start, Dense(1, w_std, b_std))))
    if kernel is None:
        check_network(wrong, 3, width=4096)
    else:
        with pytest.raises(AssertionError, match=f"the {kernel} differs by .* width 4096"):
            check_network(wrong, 3, width=4096)


def test_dropout_is_that_of_networks_with_fresh_noise():
    network = Dense(2048) >> Erf() >> Dropout(0.3) >> Dense(1, w_std=1.2, b_std=0.4)
    x = jax.random.normal(jax.random.key(1), (2, 3))

    @jax.jit
    def products(key):
        model = network.init(3, key=key)
        first, second = jax.random.split(jax.random.fold_in(key, 1))
        last = jax.grad(lambda w, v, k: eqx.tree_at(lambda m: m.weights, model, w)(v, key=k)[0])
        rows = [
            jnp.concatenate([g.ravel() for g in jax.tree.leaves(last(model.weights, v, k))[-2:]])
            for v, k in zip(x, (first, second), strict=True)
        ]
        rows = jnp.stack(rows)
        return rows @ rows.T

    sampled = np.asarray(jax.lax.map(products, jax.random.split(jax.random.key(3), 200)))
    limit = network.kernel().nngp(x)
    error = sampled.std(0) / 200**0.5
    assert error.max() < 0.004 * float(limit.max())
    np.testing.assert_allclose(sampled.mean(0), limit, atol=4 * float(error.max()))
    assert float(network.kernel().nngp(x, x)[0, 0]) < 0.95 * float(limit[0, 0])


def test_the_last_layer_may_have_no_bias():
    check_network(Dense(512) >> Relu() >> Dense(1), 3, width=512, visible=0.05)
