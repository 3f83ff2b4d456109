"""The claims of the papers in miniature, each some minutes."""

import pytest

from riesz.papers import PAPERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_the_error_of_a_fourier_neural_operator_is_the_same_at_all_resolutions():
    measured = PAPERS["fourier-neural-operator"].run()
    burgers = [measured[f"burgers_{n}"] for n in (128, 256, 512, 1024)]
    darcy = [measured[f"darcy_{n}"] for n in (33, 65, 129)]
    assert max(burgers) < 0.005 and max(burgers) < 1.1 * min(burgers)
    assert max(darcy) < 0.05 and max(darcy) < 1.5 * min(darcy)


def test_a_neural_operator_is_discretization_invariant_and_a_convolutional_network_is_not():
    measured = PAPERS["neural-operator"].run()
    assert 0.95 < measured["fno_ratio"] < 1.05
    assert measured["cnn_64"] < 0.1 and measured["cnn_ratio"] > 5


@pytest.mark.parametrize("problem", ["antiderivative", "pendulum"])
def test_the_error_of_a_deeponet_falls_with_the_number_of_training_functions(problem):
    measured = PAPERS["deeponet"].run()
    assert measured[f"{problem}_rate"] > 0.5
    assert measured[f"{problem}_1024"] < measured[f"{problem}_dense"]
    assert measured[f"{problem}_gap"] < 3
