"""The diffusion of residual networks of finite width and infinite depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from riesz.errors import DataError, ModelError
from riesz.networks import Erf, LeakyRelu, Relu
from riesz.theory import ResidualDiffusion


def test_the_diffusion_has_the_known_law_and_weak_order_one(getkey):
    diffusion, start = ResidualDiffusion(LeakyRelu(1.0), w_std=1.0), jnp.ones(4)
    mean, variance = diffusion.log_norm_law(start)
    np.testing.assert_allclose([mean, variance], [np.log(2) + 1 / 4, 1 / 4], rtol=1e-6)
    errors = []
    for steps in (2, 8):
        ends = diffusion.sample(start, 100_000, steps=steps, key=getkey())
        logs = np.log(np.linalg.norm(ends, axis=1))
        errors.append(np.mean((logs - mean) ** 2) - variance)
    # With a standard error of 0.001 in the second.
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]) / 2, 1, atol=0.15)
    assert abs(errors[1]) < 0.02


def test_relu_of_width_one_is_a_geometric_brownian_motion(getkey):
    diffusion = ResidualDiffusion(Relu(), w_std=0.5)
    mean, variance = diffusion.log_norm_law(jnp.asarray([2.0]))
    np.testing.assert_allclose([mean, variance], [np.log(2) - 1 / 8, 1 / 4], rtol=1e-6)
    ends = diffusion.sample(jnp.asarray([2.0]), 50_000, steps=32, key=getkey())
    logs = np.log(ends[:, 0])
    np.testing.assert_allclose(logs.mean(), mean, atol=0.008)
    np.testing.assert_allclose(logs.var(), variance, rtol=0.03)
    # A negative start is not moved.
    assert (diffusion.sample(-jnp.ones(1), 3, steps=2, key=getkey()) == -1).all()
    assert diffusion.log_norm_law(-jnp.ones(1)) == (-jnp.inf, 0)


@pytest.mark.parametrize(
    ("activation", "phi"), [(Relu(), lambda u: np.maximum(u, 0)), (Erf(), special.erf)]
)
def test_drift_and_volatility_are_those_of_short_steps(activation, phi):
    start, time, w_std = np.array([1.0, -0.4]), 1e-4, 0.7
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    noise = np.stack(np.meshgrid(nodes, nodes), -1)
    weights = np.outer(weights, weights) / (2 * np.pi)
    ends = start + w_std * (time / 2) ** 0.5 * np.linalg.norm(phi(start)) * noise
    change = np.log(np.linalg.norm(phi(ends), axis=-1) / np.linalg.norm(phi(start)))
    diffusion = ResidualDiffusion(activation, w_std)
    at = jnp.asarray(start, jnp.float32)
    drift, volatility = diffusion.log_norm_drift(at), diffusion.log_norm_volatility(at)
    np.testing.assert_allclose(np.sum(weights * change) / time, drift, rtol=2e-3)
    np.testing.assert_allclose(np.sum(weights * change**2) / time, volatility**2, rtol=2e-3)


def test_norms_shrink_up_to_width_three_and_grow_from_four():
    diffusion = ResidualDiffusion(Relu(), w_std=1.0)
    drifts = [diffusion.random_start_drift(n) for n in range(1, 9)]
    assert max(drifts[:3]) < 0 < min(drifts[3:])
    # The number of active neurons of a random start, by enumeration of signs.
    for n in (3, 4):
        signs = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
        at = jnp.asarray(2.0 * signs - 1)
        mean = jax.jit(jax.vmap(diffusion.log_norm_drift))(at).mean()
        np.testing.assert_allclose(mean, drifts[n - 1], atol=1e-6)


def test_refusals_of_the_diffusion(getkey):
    diffusion = ResidualDiffusion(Relu())
    with pytest.raises(ModelError, match=r"is known for a ReLU(?s:.*)found: +Erf\(\)"):
        ResidualDiffusion(Erf()).random_start_drift(3)
    with pytest.raises(ModelError, match=r"not known in closed form(?s:.*)Relu\(\) at width 3"):
        diffusion.log_norm_law(jnp.ones(3))
    with pytest.raises(DataError, match="the state of the diffusion is one number for each neuron"):
        diffusion.sample(jnp.ones(0), 2, steps=2, key=getkey())
    with pytest.raises(ModelError, match="steps is a positive whole number"):
        diffusion.sample(jnp.ones(2), 2, steps=0, key=getkey())
