import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from riesz._core.parameters import FROZEN, KIND, POSITIVE, REAL, Frozen, cast, kinds, trainable
from riesz.domains import Interval, Points, Space
from riesz.kernels import FeatureKernel, FourierFeatures, Matern, SquaredExponential, Warped
from riesz.operators import FNO
from riesz.processes import GaussianProcess, StudentTProcess, Values


class _Model(eqx.Module):
    weight: jax.Array
    sensors: Frozen
    rate: jax.Array = eqx.field(metadata={KIND: POSITIVE})
    places: Points
    number: float = 2.0


def _model():
    places = Points(Interval(0.0, 1.0), jnp.asarray([[0.0], [0.1], [1.0]]))
    return _Model(jnp.ones(3), Frozen(jnp.zeros(2)), jnp.asarray(0.5), places)


def test_the_nearest_word_about_a_leaf_holds():
    found = {}
    leaves, _ = jax.tree_util.tree_flatten_with_path(_model())
    for (path, _), kind in zip(leaves, kinds(_model()), strict=True):
        found.setdefault(path[0].name, set()).add(kind)
    assert found["weight"] == {REAL} and found["rate"] == {POSITIVE}
    assert found["sensors"] == {FROZEN} and found["number"] == {FROZEN}
    assert found["places"] == {FROZEN}, "the geometry of a discretization is data"


def test_trainable_selects_arrays_that_are_parameters():
    kept = eqx.filter(_model(), trainable(_model()))
    assert [x.shape for x in jax.tree.leaves(kept)] == [(3,), ()]


def test_frozen_arrays_have_no_gradient_and_keep_their_type():
    frozen = Frozen({"x": jnp.arange(3.0), "count": np.arange(2), "name": "a"})
    assert frozen.value["name"] == "a" and frozen.value["count"].dtype == jnp.int32
    slope = jax.grad(lambda x: jnp.sum(Frozen(x).value ** 2) + x[0])(jnp.ones(2))
    np.testing.assert_array_equal(slope, [1.0, 0.0])
    half = cast({"a": jnp.ones(2), "b": frozen}, jnp.float16)
    assert half["a"].dtype == jnp.float16 and half["b"].value["x"].dtype == jnp.float32
    assert frozen.astype(jnp.float16)["x"].dtype == jnp.float16
    assert hash(frozen.rest) == hash(Frozen(frozen.value).rest)


def test_hyperparameters_are_positive_and_networks_in_kernels_real(getkey):
    kernel = 2.0 * Matern(1.5, jnp.asarray([0.3, 0.4]))
    assert set(kinds(kernel)) == {POSITIVE}
    network = eqx.nn.MLP(1, 2, 8, 1, key=getkey())
    warped = Warped(SquaredExponential(1.0), network)
    arrays = len(jax.tree.leaves(eqx.filter(network, eqx.is_array)))
    assert kinds(warped).count(REAL) == arrays
    assert kinds(warped).count(POSITIVE) == 2
    features = FeatureKernel(FourierFeatures(Matern(1.5, 0.3), dim=1, count=4, key=getkey()))
    assert sorted(set(kinds(features))) == [FROZEN, POSITIVE]


def test_processes_and_observations_freeze_all_but_kernel_mean_and_noise():
    process = StudentTProcess(GaussianProcess(SquaredExponential(0.2), mean=0.3), 8.0, 7.0)
    assert sorted(kinds(process)) == [FROZEN, FROZEN, POSITIVE, POSITIVE, REAL]
    values = Values(jnp.ones((2, 1)), jnp.ones((2, 1)), 0.1)
    assert sorted(kinds(values)) == [FROZEN, FROZEN, POSITIVE]


def test_all_arrays_of_an_operator_but_its_data_are_real(getkey):
    space = Space(Interval(0.0, 1.0))
    assert set(kinds(FNO(space, space, modes=3, width=4, layers=1, key=getkey()))) <= {REAL, FROZEN}
