"""The geometry of two Gaussian numbers against 80-bit arithmetic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.networks._activations._pair import pair

ANGLES = np.concatenate([np.linspace(0, np.pi, 1001), np.geomspace(1e-7, 1, 200)])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_angle_sine_and_area_have_all_digits(x64, scale):
    correlation = np.cos(ANGLES)
    q = np.full_like(correlation, scale)
    found = jax.jit(pair)(jnp.asarray(q), jnp.asarray(scale * correlation), jnp.asarray(q))
    less, more = (np.longdouble(scale) + sign * (scale * correlation) for sign in (-1, 1))
    angle, sine = 2 * np.arctan2(np.sqrt(less), np.sqrt(more)), np.sqrt(less * more) / scale
    np.testing.assert_allclose(found.angle, angle.astype(float), rtol=1e-15, atol=1e-300)
    np.testing.assert_allclose(found.sine, sine.astype(float), rtol=1e-15, atol=1e-300)
    np.testing.assert_allclose(found.area, (scale * sine).astype(float), rtol=2e-15, atol=1e-300)


def test_variances_that_vanish_have_the_angles_of_the_limit():
    found = pair(jnp.array([0.0, 0.0, 2.0]), jnp.zeros(3), jnp.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(found.angle, [0, np.pi / 2, np.pi / 2], rtol=1e-7)
    np.testing.assert_allclose(found.cosine, [1, 0, 0])
    np.testing.assert_allclose(found.sine, [0, 1, 1])


def test_derivatives_at_equal_numbers_are_finite(x64):
    slopes = jax.vmap(jax.grad(lambda q: pair(jnp.array(1.0), q, jnp.array(1.0)).angle))(
        jnp.array([1.0, -1.0, 0.5])
    )
    np.testing.assert_allclose(slopes, [0, 0, -1 / np.sqrt(0.75)], rtol=1e-12)
