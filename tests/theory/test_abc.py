"""Classification of abc-parametrisations, against the paper's table and finite networks."""

import jax
import jax.numpy as jnp
import pytest

from riesz.errors import ModelError, RunError
from riesz.networks import Erf
from riesz.theory import ABC, classify, measure_exponents

X = 0.7 * jax.random.normal(jax.random.key(1), (6, 3))
Y = 1 + jnp.sin(jnp.sum(X, axis=1, keepdims=True))

# Between kernel and features: outputs start at order n^(-3/4), features change by n^(-1/4).
QUARTER = ABC((-0.25, 0.25, 0.5), (0.25, 0.25, 0.25), 0.0)
TRIVIAL = ABC((0.0, 0.5, 0.5), (0.0, 0.0, 0.0), 0.5)
TOO_FAST = ABC((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), 0.5)  # standard, with a rate of order n^(-1/2)


@pytest.mark.parametrize(
    ("name", "layers", "r", "regime"),
    [
        ("standard", 3, 0.5, "kernel"),
        ("ntk", 3, 0.5, "kernel"),
        ("mean-field", 1, 0.0, "feature learning"),
        ("mup", 1, 0.0, "feature learning"),
        ("mup", 3, 0.0, "feature learning"),
    ],
)
def test_table_1(name, layers, r, regime):
    found = classify(ABC.named(name, layers))
    assert found == (regime, r, 0.0, ())
    assert found.stable and found.nontrivial


def test_other_regimes():
    assert classify(QUARTER) == ("kernel", 0.25, 0.0, ())
    trivial = classify(TRIVIAL)
    assert trivial.regime == "trivial" and trivial.stable and not trivial.nontrivial
    fast = classify(TOO_FAST)
    assert fast.regime == "unstable" and not fast.stable
    assert fast.violations == ("2 a_(L+1) + c >= 1", "a_(L+1) + b_(L+1) + r >= 1")
    exploding = classify(ABC((0.0, 0.0, 0.0), (0.0, 0.0, 0.5), 1.0))
    assert "a_l + b_l = 1/2 in between" in exploding.violations


def test_the_symmetry_changes_nothing():
    def shifted(p, theta):
        return ABC(tuple(a + theta for a in p.a), tuple(b - theta for b in p.b), p.c - 2 * theta)

    for p in (ABC.named("mup", 2), QUARTER, TRIVIAL, TOO_FAST):
        one, other = classify(p), classify(shifted(p, 0.3))
        assert one.regime == other.regime
        assert other.r == pytest.approx(one.r) and other.output == pytest.approx(one.output)


@pytest.mark.parametrize(
    "parametrisation",
    [
        ABC.named("standard", 2),
        ABC.named("ntk", 2),
        ABC.named("mup", 2),
        QUARTER,
        TRIVIAL,
        TOO_FAST,
    ],
    ids=["standard", "ntk", "mup", "quarter", "trivial", "too fast"],
)
def test_finite_networks_have_the_predicted_exponents(parametrisation):
    predicted = classify(parametrisation)
    measured = measure_exponents(
        parametrisation,
        Erf(),
        [64, 512],
        X,
        Y,
        learning_rate=0.05,
        steps=2,
        networks=8,
        key=jax.random.key(0),
    )
    assert measured.r == pytest.approx(predicted.r, abs=0.1)
    assert measured.output == pytest.approx(predicted.output, abs=0.1)


def test_errors():
    with pytest.raises(ModelError, match=r"exponents are given for each layer[\s\S]*2 a and 1 b"):
        ABC((0.0, 1.0), (0.0,), 0.0)
    with pytest.raises(ModelError, match=r"unknown parametrisation[\s\S]*one hidden layer"):
        ABC.named("mean-field", 2)
    with pytest.raises(RunError, match=r"not finite or vanish[\s\S]*smaller learning rate"):
        measure_exponents(
            TRIVIAL,
            Erf(),
            [64, 512],
            X,
            Y,
            learning_rate=0.0,
            steps=2,
            networks=8,
            key=jax.random.key(0),
        )
