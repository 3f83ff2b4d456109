"""The claims of the papers, in the results that `make reproduce` records."""

import numpy as np
import pytest

from riesz.papers import PAPERS


def fourier_neural_operator(measured):
    burgers = [measured[f"burgers_{n}"] for n in (128, 256, 512, 1024)]
    darcy = [measured[f"darcy_{n}"] for n in (33, 65, 129)]
    assert max(burgers) < 0.005 and max(burgers) < 1.1 * burgers[0]
    assert max(darcy) < 0.02 and max(darcy) < 1.1 * darcy[0]


def neural_operator(measured):
    assert measured["fno_ratio"] < 1.05
    assert measured["cnn_64"] < 0.1 and measured["cnn_ratio"] > 5


def deeponet(measured):
    for problem in ("antiderivative", "pendulum"):
        assert measured[f"{problem}_rate"] > 0.5
        assert measured[f"{problem}_1024"] < 2 / 3 * measured[f"{problem}_dense"]
        assert measured[f"{problem}_gap"] < 2


def finite_size_corrections(measured):
    for width in (8, 16, 32):
        difference = measured[f"fourth_{width}"] - measured[f"fourth_{width}_theory"]
        assert abs(difference) < 4 * measured[f"fourth_{width}_error"]
    assert measured["fourth_rate"] == pytest.approx(1, abs=0.1)
    assert measured["sixth_rate"] == pytest.approx(2, abs=0.3)
    assert measured["distance_expansion"] < measured["distance_gaussian"] / 4


def principles_of_deep_learning(measured):
    for activation, within in (("relu", 0.2), ("tanh", 0.15)):
        for shape in ("2_64", "4_128", "4_64", "8_128"):
            found, predicted = (
                measured[f"{activation}_{shape}_{k}"] for k in ("measured", "predicted")
            )
            assert abs(found / predicted - 1) < within
    relu = {shape: measured[f"relu_{shape}_measured"] for shape in ("2_64", "4_128", "4_64")}
    assert abs(relu["4_128"] / relu["2_64"] - 1) < 0.15
    assert abs(measured["relu_8_128_measured"] / relu["4_64"] - 1) < 0.15
    assert abs(relu["4_64"] / relu["2_64"] / 2 - 1) < 0.3


def neural_signature_kernels(measured):
    for name in ("identity", "relu"):
        assert measured[f"{name}_16"] > measured[f"{name}_64"] > measured[f"{name}_256"]
        # Second moments of narrow networks have heavy tails, which makes the rate uncertain.
        assert measured[f"{name}_rate"] == pytest.approx(0.5, abs=0.15)
        assert measured[f"{name}_mean"] < 0.03
        assert measured[f"{name}_shallow"] > 0.05


def pseudo_iid(measured):
    for law in ("IID", "Orthogonal", "LowRank", "BlockSparse"):
        assert measured[f"{law}_128_covariance"] < 0.05
        assert measured[f"{law}_32_kurtosis"] > 2 * measured[f"{law}_128_kurtosis"] > 0


def neural_tangent_kernel(measured):
    # Four networks leave errors uncertain by about a quarter, and rates by 0.2.
    assert measured["kernel_rate"] == pytest.approx(0.5, abs=0.2)
    assert measured["change_rate"] > 0.5 and measured["change_1024"] < 0.02
    assert measured["function_1024"] < 0.06 and measured["function_1024"] < measured["function_64"]
    times = [measured[f"decay_{i}_time"] for i in range(1, 5)]
    assert times == sorted(times) and times[3] > 5 * times[0]
    for i in range(1, 5):
        assert measured[f"decay_{i}"] == pytest.approx(1, abs=0.1)


def maximal_update(measured):
    assert abs(measured["mup_slope"]) < 0.25 and measured["standard_slope"] < -0.5
    assert measured["mup_regret"] < 1.25 and measured["standard_regret"] > 4


def linear_transfer(measured):
    assert abs(measured["mup_slope"]) < 0.25 and measured["standard_slope"] < -0.5
    assert 0.7 < measured["mup_512"] / measured["mup_limit"] < 1.42


def quadratic_models(measured):
    for name in ("network", "quadratic"):
        assert measured[f"{name}_small_peak"] < 1.01 and measured[f"{name}_large_peak"] > 5
        assert measured[f"{name}_large_loss"] < 0.002
        assert measured[f"{name}_large_sharpness"] < 2 / 3
        assert measured[f"{name}_large_new"] < measured[f"{name}_small_new"]
    assert measured["linear_large_peak"] > 1e6 and "linear_large_loss" not in measured
    for rate in ("small", "large"):
        ratio = measured[f"quadratic_{rate}_new"] / measured[f"network_{rate}_new"]
        assert ratio == pytest.approx(1, abs=0.1)


def depth_mup(measured):
    assert abs(measured["mup_depth_slope"]) < 0.25 and measured["mup_slope"] < -1 / 3
    assert measured["mup_depth_regret"] < 1.5 and measured["mup_regret"] > 3


def scale_mixtures(measured):
    assert measured["distance_student"] < 1.63 / 4000**0.5 and measured["distance_gaussian"] > 0.05
    assert measured["student_coverage"] == pytest.approx(0.9, abs=0.02)
    assert measured["student_loud"] == pytest.approx(0.9, abs=0.02)
    assert measured["gaussian_loud"] < 0.85
    assert measured["evidence_gain"] > 1


def depthwise_transfer(measured):
    assert 0.5 < measured["mup_depth_4"] / measured["mup_depth_1"] * 1.01 < 2.02
    assert measured["mup_1"] > 50 * measured["mup_4"]
    assert measured["mup_depth_regret"] < 1.25


def commuting_limits(measured):
    assert len(measured) == 6 and max(measured.values()) < 0.05


def gaussian_residual_networks(measured):
    for size in (16, 64):
        assert abs(measured[f"residual_{size}_variance"] - 1) < 0.05
        assert measured[f"plain_{size}_kurtosis"] > 10
    assert measured["residual_64_kurtosis"] < min(0.2, measured["residual_16_kurtosis"] / 3)


def graph_tangent_kernel(measured):
    for name in ("kernel", "spectrum"):
        assert measured[f"{name}_rate"] == pytest.approx(2, abs=0.1)
        assert measured[f"{name}_32"] < 0.001
    for n in (16, 32):
        assert measured[f"transfer_{n}"] < 0.002
        assert measured[f"transfer_{n}"] < 1.05 * measured[f"within_{n}"]


def infinite_depth(measured):
    for name in ("relu_1", "abs_4"):
        assert abs(measured[f"{name}_mean"]) < 0.05 and abs(measured[f"{name}_variance"] - 1) < 0.1
    for width, sign in ((2, -1), (3, -1), (4, 1), (5, 1)):
        assert sign * measured[f"growth_{width}"] > 2 * measured[f"growth_{width}_error"]


def feature_learning(measured):
    for name, r in (("standard", 0.5), ("ntk", 0.5), ("mup", 0)):
        assert measured[f"{name}_r_predicted"] == r and abs(measured[f"{name}_r"] - r) < 0.15
    assert measured["limit_512"] < min(0.05, measured["limit_32"])


def deep_kernel_machines(measured):
    assert measured["linear_error"] < 1e-5
    assert measured["machine_error"] < measured["process_error"] / 2
    assert measured["machine_density"] > measured["process_density"] + 1


def random_features(measured):
    assert abs(measured["kernel_slope"] + 0.5) < 0.25
    assert measured["error_slope"] < -0.5 and measured["error_2048"] < 0.01


def permutations(measured):
    sizes = np.array([4, 8, 16, 32, 64])
    single, every = (np.array([measured[f"{a}_{k}"] for k in sizes]) for a in ("single", "every"))
    assert all(measured[f"margin_{k}"] > 0 for k in sizes)
    assert (np.diff(single / (sizes * np.log(sizes))) < 0).all()
    assert (np.diff(every / sizes**2) < 0).all()
    # Sixteen ensembles of 256, at 11 inputs which are not independent: 0.03 in deviation.
    for count in (64, 256, 1024):
        difference = measured[f"exact_{count}"] - measured[f"exact_{count}_theory"]
        assert abs(difference) < 0.08


def labelled_tangent_kernel(measured):
    assert measured["correlation_labelled"] > 0.75
    assert measured["correlation_unlabelled"] < 0.35
    assert measured["poisoned_found"] > 0.5  # a fifth by chance
    assert measured["accuracy_cleaned"] > measured["accuracy_all"]
    assert measured["accuracy_cleaned"] > measured["accuracy_random"]


def deep_classifiers(measured):
    for rule in ("majority", "nearest"):
        assert measured[f"{rule}_deep"] >= 0.98 and measured[f"{rule}_rule"] >= 0.98
    for kernel in ("singular_erf", "singular_cubic"):
        assert measured[f"{kernel}_deep"] >= 0.9
    assert max(value for name, value in measured.items() if name.endswith("shallow")) < 0.75


CLAIMS = {
    "deep-classifiers": deep_classifiers,
    "random-features": random_features,
    "feature-learning": feature_learning,
    "infinite-depth": infinite_depth,
    "gaussian-residual-networks": gaussian_residual_networks,
    "commuting-limits": commuting_limits,
    "depthwise-transfer": depthwise_transfer,
    "depth-mup": depth_mup,
    "linear-transfer": linear_transfer,
    "maximal-update": maximal_update,
    "pseudo-iid": pseudo_iid,
    "principles-of-deep-learning": principles_of_deep_learning,
    "fourier-neural-operator": fourier_neural_operator,
    "neural-operator": neural_operator,
    "deeponet": deeponet,
    "finite-size-corrections": finite_size_corrections,
    "neural-signature-kernels": neural_signature_kernels,
    "neural-tangent-kernel": neural_tangent_kernel,
    "quadratic-models": quadratic_models,
    "scale-mixtures": scale_mixtures,
    "graph-tangent-kernel": graph_tangent_kernel,
    "deep-kernel-machines": deep_kernel_machines,
    "permutations": permutations,
    "labelled-tangent-kernel": labelled_tangent_kernel,
}


@pytest.mark.parametrize("name", PAPERS)
def test_the_recorded_results_show_the_claim(name):
    measured = PAPERS[name].measured
    assert measured is not None, f"record it with riesz reproduce {name}"
    CLAIMS[name](measured)
