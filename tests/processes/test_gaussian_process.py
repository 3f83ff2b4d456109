import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from riesz.domains import Grid, Interval, Points
from riesz.errors import DataError, ModelError, SolverError
from riesz.kernels import Matern, SquaredExponential
from riesz.processes import Derivatives, GaussianProcess, Integrals, Values

LENGTH, VARIANCE = 0.3, 2.0
PRIOR = GaussianProcess(VARIANCE * SquaredExponential(LENGTH))
X, Z = np.array([0.05, 0.3, 0.55, 0.9]), np.linspace(0, 1, 6)


def k(x, y):
    return VARIANCE * np.exp(-((x[:, None] - y) ** 2) / (2 * LENGTH**2))


def k_slope(x, y):
    """Cov(f(x), f'(y))."""
    return k(x, y) * (x[:, None] - y) / LENGTH**2


def k_slopes(x, y):
    """Cov(f'(x), f'(y))."""
    return k(x, y) * (1 / LENGTH**2 - (x[:, None] - y) ** 2 / LENGTH**4)


def k_integral(x):
    """Cov(f(x), integral of f over [0, 1])."""
    erf = scipy.special.erf
    root = LENGTH * np.sqrt(2)
    return VARIANCE * LENGTH * np.sqrt(np.pi / 2) * (erf((1 - x) / root) + erf(x / root))


def reference(gram, noise, cross, prior, y):
    """Mean and covariance of a normal vector given noisy others."""
    inverse = np.linalg.inv(gram + np.diag(noise**2))
    return cross.T @ inverse @ y, prior - cross.T @ inverse @ cross


def test_values_derivatives_and_integrals_condition_as_in_closed_form(x64):
    """All nine covariances between the three kinds, against formulas of the kernel."""
    grid = Grid(Interval(0, 1), 33, "chebyshev")
    nodes, weights = np.polynomial.legendre.leggauss(40)
    double = k_integral((nodes + 1) / 2) @ weights / 2
    slopes, ends = np.array([0.4, 0.8]), np.array([0.0, 1.0])
    total = -np.diff(k(ends, slopes), axis=0)[0]  # the integral of d/ds k(x, s) over x
    gram = np.block(
        [
            [k(X, X), k_slope(X, slopes), k_integral(X)[:, None]],
            [k_slope(X, slopes).T, k_slopes(slopes, slopes), total[:, None]],
            [k_integral(X)[None], total[None], np.array([[double]])],
        ]
    )
    cross = np.concatenate([k(X, Z), k_slope(Z, slopes).T, k_integral(Z)[None]])
    noise = np.array([0.1, 0.2, 0.1, 0.3, 0.5, 0.5, 0.02])
    y = np.random.default_rng(0).standard_normal((7, 1))
    mean, covariance = reference(gram, noise, cross, k(Z, Z), y)
    posterior = PRIOR.condition(
        [
            Values(X[:, None], y[:4], noise[:4]),
            Derivatives(slopes[:, None], y[4:6], axis=0, noise=0.5),
            Integrals(grid, grid.weights[None], y[6:], noise=0.02),
        ]
    )
    law = posterior.marginal(on=Z[:, None], joint=True)
    np.testing.assert_allclose(law.mean, mean, atol=1e-6)
    np.testing.assert_allclose(law.covariance, covariance, atol=1e-6)
    np.testing.assert_allclose(law.standard_deviation[:, 0] ** 2, covariance.diagonal(), atol=1e-6)


def test_derivatives_along_each_axis_are_limits_of_differences(x64):
    """Matern 5/2 in the plane: a slope is the difference of two close values."""
    prior, step = GaussianProcess(Matern(2.5, 0.5)), 1e-3
    rng = np.random.default_rng(1)
    x, z, y = rng.uniform(size=(3, 2)), rng.uniform(size=(5, 2)), rng.standard_normal((3, 1))
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        both = np.concatenate([x + shift, x - shift])
        weights = np.concatenate([np.eye(3), -np.eye(3)], 1) / (2 * step)
        slopes = prior.condition(Derivatives(x, y, axis=axis, noise=0.1))
        differences = prior.condition(Integrals(both, weights, y, noise=0.1))
        laws = [p.marginal(on=z, joint=True) for p in (slopes, differences)]
        np.testing.assert_allclose(laws[0].mean, laws[1].mean, atol=1e-4)
        np.testing.assert_allclose(laws[0].covariance, laws[1].covariance, atol=1e-4)


def test_the_mean_of_the_prior_is_observed_too(x64):
    """With mean m, conditioning f is conditioning f - m, under every functional."""
    grid = Grid(Interval(0, 1), 33, "chebyshev")
    shifted = GaussianProcess(PRIOR.kernel, mean=lambda x: 3 + x**2)
    y = np.array([[0.3], [-0.2]])
    x = np.array([[0.2], [0.7]])

    def law(prior, of_values, of_slopes, of_integral):
        observations = [
            Values(x, y + of_values, 0.1),
            Derivatives(x, y + of_slopes, noise=0.1),
            Integrals(grid, grid.weights[None], y[:1] + of_integral, 0.1),
        ]
        return prior.condition(observations).marginal(on=Z[:, None])

    plain, moved = law(PRIOR, 0, 0, 0), law(shifted, 3 + x**2, 2 * x, 3 + 1 / 3)
    np.testing.assert_allclose(moved.mean, plain.mean + 3 + Z[:, None] ** 2, atol=1e-8)
    np.testing.assert_allclose(moved.variance, plain.variance, atol=1e-8)
    level = GaussianProcess(PRIOR.kernel, mean=3.0).marginal(on=Z[:, None])
    np.testing.assert_allclose(level.mean, 3.0)


def test_channels_are_independent_and_share_the_kernel(x64):
    y = np.random.default_rng(2).standard_normal((4, 3))
    prior = GaussianProcess(PRIOR.kernel, channels=3)
    law = prior.condition(Values(X[:, None], y, 0.1)).marginal(on=Z[:, None])
    for c in range(3):
        single = PRIOR.condition(Values(X[:, None], y[:, c : c + 1], 0.1)).marginal(on=Z[:, None])
        np.testing.assert_allclose(law.mean[:, c], single.mean[:, 0], atol=1e-12)
        np.testing.assert_allclose(law.variance[:, c], single.variance[:, 0], atol=1e-12)


def test_functions_are_observed_on_their_discretization_without_masked_points(x64):
    grid = Grid(Interval(0, 1), 4)
    f = np.sin(3 * np.asarray(grid.coordinates))
    points = Points(Interval(0, 1), grid.coordinates)
    several = [
        PRIOR.condition(Values(on, values, 0.1)).marginal(on=grid).mean.values
        for on, values in (
            (grid.coordinates, f),
            (grid, f),
            (points.pad(7), np.concatenate([f, np.full((3, 1), 9.0)])),
        )
    ]
    np.testing.assert_allclose(several[1], several[0], rtol=1e-12)
    np.testing.assert_allclose(several[2], several[0], rtol=1e-12)


def test_evidence_is_the_normal_density(x64):
    rng = np.random.default_rng(3)
    y, noise = rng.standard_normal((4, 2)), np.array([0.1, 0.2, 0.3, 0.1])
    prior = GaussianProcess(PRIOR.kernel, mean=0.5, channels=2)
    found = prior.log_density(Values(X[:, None], y, noise))
    law = scipy.stats.multivariate_normal(np.full(4, 0.5), k(X, X) + np.diag(noise**2))
    np.testing.assert_allclose(found, law.logpdf(y[:, 0]) + law.logpdf(y[:, 1]), rtol=1e-10)


def test_draws_of_smooth_functions_on_fine_grids_are_smooth(getkey):
    """Rounding does not roughen them: third differences are those of the kernel."""
    grid = Grid(Interval(0, 1), 65)
    draws = np.asarray(PRIOR.sample(20, on=grid, key=getkey()).values[..., 0])
    step, rough = 1 / 64, np.diff(draws, 3, axis=1)
    expected = np.sqrt(15 * VARIANCE) / LENGTH**3 * step**3  # E f'''(x)^2 = 15 variance / l^6
    assert np.sqrt((rough**2).mean()) < 1.5 * expected + 8 * 1e-6 * 4


def test_an_indefinite_covariance_says_how_much_why_and_what_to_do(x64):
    x, y = np.concatenate([X, X[:2]])[:, None], np.zeros((6, 1))
    with pytest.raises(SolverError) as caught:
        PRIOR.condition(Values(x, y))
    text = str(caught.value)
    assert "the covariance matrix of the observations is not positive definite" in text
    assert "GaussianProcess.condition(observations)" in text
    assert "rounding errors of float64" in text
    assert "6 observations, smallest noise 0.0e+00" in text
    assert "2 inputs are given more than once" in text and "average repeated observations" in text
    assert "give noise of at least" in text and "jax.enable_x64" not in text
    PRIOR.condition(Values(x, y, 1e-3))


def test_single_precision_runs_out_of_digits_earlier_and_says_so():
    x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    values = Values(x, np.zeros((20, 1), np.float32), 1e-5)
    with pytest.raises(SolverError, match="inputs are so close(.|\n)*compute in float64"):
        PRIOR.condition(values)
    with jax.enable_x64(True):
        PRIOR.condition(Values(x.astype(float), np.zeros((20, 1)), 1e-5))


def test_in_compiled_code_failure_is_a_status(x64):
    x, y = np.concatenate([X, X[:2]])[:, None], np.zeros((6, 1))
    status = jax.jit(lambda noise: PRIOR.condition(Values(x, y, noise)).converged)
    assert not bool(status(0.0)) and bool(status(0.1))


OBSERVATION_ERRORS = {
    "values of shape .4, channels.(.|\n)*makes one channel": lambda: Values(X[:, None], X),
    "found: +shape .3, 1.(.|\n)*as many values as points": lambda: Values(
        X[:, None], np.zeros((3, 1))
    ),
    "values are not finite(.|\n)*2 rows of 4, the first is row 1": lambda: Values(
        X[:, None], np.array([[0.0], [np.nan], [1.0], [np.inf]])
    ),
    "finite and not negative(.|\n)*smallest -1": lambda: Values(X[:, None], X[:, None], -1.0),
    "one standard deviation, or one for each row": lambda: Values(
        X[:, None], X[:, None], np.ones((4, 1))
    ),
    "along an axis of points of R.d(.|\n)*axis=1": lambda: Derivatives(
        X[:, None], X[:, None], axis=1
    ),
    "one weight for each point(.|\n)*weights for 4 points": lambda: Integrals(
        X[:, None], np.ones((1, 3)), np.ones((1, 1))
    ),
    "another number of channels(.|\n)*channels=2": lambda: PRIOR.condition(
        Values(X[:, None], np.ones((4, 2)))
    ),
    "conditioned on observations(.|\n)*an empty sequence": lambda: PRIOR.condition([]),
    "conditioned on observations(.|\n)*ndarray": lambda: PRIOR.condition([X]),
    "gives one row of values per input(.|\n)*found: +shape .4,": lambda: GaussianProcess(
        PRIOR.kernel, mean=lambda x: x[:, 0]
    ).marginal(on=X[:, None]),
}


@pytest.mark.parametrize("message", OBSERVATION_ERRORS)
def test_bad_requests_say_what_to_do(message):
    with pytest.raises(DataError, match=message):
        OBSERVATION_ERRORS[message]()


def test_a_law_without_covariance_says_how_to_get_it():
    law = PRIOR.marginal(on=X[:, None])
    with pytest.raises(ModelError, match="point by point(.|\n)*joint=True"):
        _ = law.covariance


def test_masked_points_are_refused_in_compiled_code():
    points = Points(Interval(0, 1), np.asarray(X)[:, None])
    with pytest.raises(DataError, match="may be masked"):
        jax.jit(lambda p: Values(p, jnp.ones((4, 1))).values)(points)
