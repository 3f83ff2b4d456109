import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from riesz.domains import Box, Grid, Interval
from riesz.errors import DataError, ModelError, SolverError
from riesz.kernels import Matern, SquaredExponential, White
from riesz.processes import (
    Cholesky,
    ConjugateGradients,
    Derivatives,
    GaussianPosterior,
    GaussianProcess,
    InducingPoints,
    Integrals,
    Values,
    _system,
)
from riesz.processes._functionals import in_blocks
from riesz.processes._solvers import _cholesky, _conjugate_gradients, _host_cholesky
from riesz.processes._solvers._pivoted_cholesky import pivoted_cholesky

PRIOR = GaussianProcess(2.0 * Matern(2.5, 0.4), mean=0.3)
SQUARE = Box((0, 0), (1, 1))


def everything(noise=0.1):
    """Forty values, ten slopes and four integrals over cells."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(50, 2))
    grid = Grid(SQUARE, 6, "centre")
    corner = (np.asarray(grid.coordinates) > 0.5) @ np.array([2, 1])
    cells = np.stack([corner == i for i in range(4)]) * np.asarray(grid.weights)
    return [
        Values(x[:40], np.sin(5 * x[:40, :1]), noise),
        Derivatives(x[40:], rng.standard_normal((10, 1)), axis=1, noise=5 * noise),
        Integrals(grid, cells, 0.1 * rng.standard_normal((4, 1)), noise=0.1 * noise),
    ]


Z = np.random.default_rng(1).uniform(size=(7, 2))


def law(solver, observations):
    found = PRIOR.condition(observations, solver).marginal(on=Z, joint=True)
    return found.mean, found.variance, found.covariance


def assert_same(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


@pytest.fixture
def on_host(monkeypatch):
    """Every matrix is factorised on the host, in blocks of three rows."""
    monkeypatch.setattr(_cholesky, "_HOST_ROWS", 1)
    monkeypatch.setattr(_host_cholesky, "BLOCK_FLOATS", 170)


def test_the_host_factorises_in_place_to_the_same_posterior(x64, monkeypatch):
    observations = everything()[::2]
    expected = law(Cholesky(), observations)
    monkeypatch.setattr(_cholesky, "_HOST_ROWS", 1)
    monkeypatch.setattr(_host_cholesky, "BLOCK_FLOATS", 170)
    posterior = PRIOR.condition(observations)
    assert posterior.solution.on_host
    assert_same(law(Cholesky(), observations), expected, 1e-10)
    pointwise = posterior.marginal(on=Z)
    assert_same((pointwise.mean, pointwise.variance), expected[:2], 1e-10)
    compiled = jax.jit(lambda z: posterior.marginal(on=z).variance)(Z)
    np.testing.assert_allclose(compiled, expected[1], atol=1e-10)


def test_the_host_says_what_is_indefinite(x64, on_host):
    x = np.random.default_rng(2).uniform(size=(30, 2))
    x[17] = x[3]
    with pytest.raises(SolverError, match="smallest eigenvalue(.|\n)*1 inputs are given more than"):
        PRIOR.condition(Values(x, np.zeros((30, 1))))


def test_a_matrix_that_does_not_fit_the_memory_is_refused(x64, on_host, monkeypatch):
    monkeypatch.setattr(_host_cholesky.os, "sysconf", lambda name: 100)
    with pytest.raises(SolverError, match="does not fit the memory(.|\n)*54 observations in float"):
        PRIOR.condition(everything())


def test_conjugate_gradients_agree_with_cholesky(x64):
    solver, observations = ConjugateGradients(tolerance=1e-9, rank=20), everything()[0]
    assert_same(law(solver, observations), law(Cholesky(), observations), 1e-7)
    quadratics = [PRIOR.condition(observations, s).solution.quadratic for s in (solver, Cholesky())]
    np.testing.assert_allclose(*quadratics, rtol=1e-7)


def test_products_by_blocks_are_products_with_the_matrix(x64, monkeypatch):
    monkeypatch.setattr(_system, "BLOCK_FLOATS", 54 * 7)
    system = PRIOR.system(tuple(everything()))
    vectors = jnp.asarray(np.random.default_rng(3).standard_normal((54, 2)))
    both = eqx.filter_jit(lambda s, v: (s.multiply(v), s.matrix() @ v))(system, vectors)
    np.testing.assert_allclose(*both, atol=1e-10)
    calls = []
    rows = in_blocks(lambda x: calls.append(x.shape) or (2 * x, x[:, 0]), 4)(vectors[:10])
    np.testing.assert_allclose(rows[0], 2 * vectors[:10])
    np.testing.assert_allclose(rows[1], vectors[:10, 0])
    assert calls == [(4, 2)]


def test_the_preconditioner_of_full_rank_is_the_inverse(x64):
    """Also with derivatives and integrals among the observations."""
    system = PRIOR.system(tuple(everything()))
    vectors = jnp.asarray(np.random.default_rng(4).standard_normal((54, 2)))

    @eqx.filter_jit
    def identity(system, v):
        return pivoted_cholesky(system, 54)(system.matrix() @ v)

    np.testing.assert_allclose(identity(system, vectors), vectors, atol=1e-6)


def test_a_stopped_iteration_raises_or_is_a_status_and_never_overconfident(x64):
    solver, observations = ConjugateGradients(tolerance=1e-9, rank=2, limit=6), everything()[0]
    with pytest.raises(
        SolverError, match="did not converge(.|\n)*after [0-9]+ iterations in float64"
    ):
        PRIOR.condition(observations, solver)
    stopped = _conjugate_gradients._solve(solver, PRIOR.system((observations,)))
    variance = GaussianPosterior(PRIOR, (observations,), solver, stopped).marginal(on=Z).variance
    exact = law(Cholesky(), observations)[1]
    assert not bool(stopped.converged)
    assert (variance > exact - 1e-12).all() and (variance > 1.01 * exact).any()


def test_conjugate_gradients_have_the_gradient_of_cholesky(x64):
    """In length scale, noise and points, of the mean and of the variance."""
    x = np.random.default_rng(9).uniform(size=(30, 2))
    y = np.sin(5 * x[:, :1])

    def gradient(solver):
        def value(length, noise, z):
            prior = GaussianProcess(Matern(2.5, length))
            law = prior.condition(Values(x, y, noise), solver).marginal(on=z)
            return jnp.sum(law.mean**2) + 10 * jnp.sum(law.variance)

        return jax.jit(jax.grad(value, argnums=(0, 1, 2)))(jnp.asarray(0.4), jnp.asarray(0.1), Z)

    both = [gradient(s) for s in (ConjugateGradients(tolerance=1e-11, rank=10), Cholesky())]
    for found, expected in zip(*both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_conjugate_gradients_converged_in_single_precision_is_true():
    """Where the status says so, the mean is that of float64 up to the residual it promises."""
    x = np.random.default_rng(0).uniform(size=(1000, 2))
    y = np.sin(5 * x[:, :1]) * np.cos(3 * x[:, 1:])
    z = x[:50] + 0.003
    limit = float(np.finfo(np.float32).eps) ** 0.5
    said = []
    for noise in (1e-3, 3e-2):
        prior = GaussianProcess(SquaredExponential(0.3))
        with jax.enable_x64(True):
            exact = np.asarray(prior.condition(Values(x, y, noise)).marginal(on=z).mean)
        values = Values(x.astype(np.float32), y.astype(np.float32), noise)
        solver = ConjugateGradients(limit=100)
        found = _conjugate_gradients._solve(solver, prior.system((values,)))
        mean = GaussianPosterior(prior, (values,), solver, found).marginal(on=z).mean
        said.append(bool(found.converged))
        assert not said[-1] or np.abs(mean - exact).max() < 2 * limit
    assert said == [False, True]
    with pytest.raises(SolverError, match="did not converge(.|\n)*in float32(.|\n)*more noise"):
        GaussianProcess(SquaredExponential(0.3)).condition(
            Values(x.astype(np.float32), y.astype(np.float32), 1e-3), ConjugateGradients(limit=100)
        )


def test_inducing_points_at_all_inputs_are_exact(x64):
    x = np.random.default_rng(5).uniform(size=(30, 2))
    y = np.sin(5 * x[:, :1])
    values, solver = Values(x, y, 0.1), InducingPoints(x)
    exact, found = PRIOR.condition(values), PRIOR.condition(values, solver)
    assert_same(law(solver, values), law(Cholesky(), values), 1e-7)
    np.testing.assert_allclose(found.solution.quadratic, exact.solution.quadratic, rtol=1e-7)
    evidence = PRIOR.log_density(values)
    np.testing.assert_allclose(PRIOR.log_density(values, solver), evidence, atol=1e-6)
    bound = PRIOR.log_density(values, InducingPoints(x[:8]))
    assert bound < evidence - 0.1


def test_inducing_points_minimise_the_divergence_of_titsias(x64):
    """Mean and covariance at the inducing points against the closed form of Titsias 2009."""
    rng = np.random.default_rng(7)
    x, y, noise = rng.uniform(size=(30, 2)), rng.standard_normal((30, 1)), rng.uniform(0.1, 0.3, 30)
    k = lambda a, b: np.asarray(PRIOR.kernel(jnp.asarray(a), jnp.asarray(b)))  # noqa: E731
    kzz, kzx = k(Z, Z), k(Z, x)
    inner = np.linalg.inv(kzz + kzx / noise**2 @ kzx.T)
    found = law(InducingPoints(Z), Values(x, y, noise))
    mean = 0.3 + kzz @ inner @ kzx @ ((y - 0.3) / noise[:, None] ** 2)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    np.testing.assert_allclose(found[2], kzz @ inner @ kzz, atol=1e-6)


def test_solvers_say_what_they_need(x64):
    x, y = np.eye(2), np.ones((2, 1))
    with pytest.raises(DataError, match="need noise on every observation"):
        PRIOR.condition(Values(x, y), InducingPoints(x))
    with pytest.raises(ModelError, match="do not give the evidence(.|\n)*InducingPoints"):
        PRIOR.log_density(Values(x, y, 0.1), ConjugateGradients())


def test_an_indefinite_variational_posterior_is_refused():
    x = np.linspace(0, 1, 30, dtype=np.float32)[:, None]
    smooth = GaussianProcess(SquaredExponential(0.5))
    with pytest.raises(SolverError, match="an indefinite matrix(.|\n)*use fewer points, more noi"):
        smooth.condition(Values(x, 0 * x, 1e-8), InducingPoints(x))


def test_the_bound_has_the_gradient_of_differences(x64):
    x = np.random.default_rng(8).uniform(size=(20, 2))
    y = np.sin(5 * x[:, :1])

    @jax.jit
    def bound(length, noise, z):
        prior = GaussianProcess(SquaredExponential(length))
        return prior.log_density(Values(x, y, noise), InducingPoints(z))

    at = (jnp.asarray(0.4), jnp.asarray(0.1), jnp.asarray(x[:5]))
    check_grads(bound, at, order=1, modes=["rev"], atol=1e-3, rtol=1e-3)


def test_white_noise_of_the_kernel_is_noise_of_the_observations(getkey, x64, monkeypatch):
    x = jax.random.uniform(getkey(), (30, 1), float)
    y, on = jnp.sin(6 * x), jnp.linspace(0, 1, 5)[:, None]
    white = GaussianProcess(SquaredExponential(0.3) + 0.5 * White())
    plain = GaussianProcess(SquaredExponential(0.3))
    expected = plain.condition(Values(x, y, (0.01 + 0.5) ** 0.5)).marginal(on=on)
    for rows in (4096, 8):  # of a matrix in compiled code, and on the host
        monkeypatch.setattr(_cholesky, "_HOST_ROWS", rows)
        found = white.condition(Values(x, y, 0.1)).marginal(on=on)
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-10)
        np.testing.assert_allclose(found.variance, expected.variance + 0.5, atol=1e-10)


@pytest.mark.parametrize("solver", [ConjugateGradients(), InducingPoints(jnp.zeros((1, 1)))])
def test_solvers_that_do_not_see_white_noise_refuse_it(solver):
    values = Values(jnp.linspace(0, 1, 5)[:, None], jnp.zeros((5, 1)), 0.1)
    prior = GaussianProcess(SquaredExponential(0.3) * White() + SquaredExponential(0.1))
    with pytest.raises(DataError, match=r"White noise(.|\n)*sqrt\(noise\*\*2 \+ variance\)"):
        prior.condition(values, solver)


def test_white_noise_of_integrals(x64):
    grid = Grid(Interval(0.0, 1.0), 9)
    weights = jnp.stack([grid.weights, grid.weights * grid.coordinates[:, 0]])
    prior = GaussianProcess(White(2.0))
    posterior = prior.condition(Integrals(grid, weights, jnp.ones((2, 1)), 0.1))
    expected = 2 * weights @ weights.T + 0.01 * jnp.eye(2)
    factor = posterior.solution.factor
    np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-12)


def test_equal_points_are_as_good_as_the_same_points(x64):
    kernel = SquaredExponential(0.3) + 0.5 * White()
    points = np.linspace(0, 1, 6)[:, None]
    first = Values(points, np.ones((6, 1)), 0.1)
    once = GaussianProcess(kernel).log_density([first, Values(first.points, first.values, 0.2)])
    copy = Values(jnp.array(points), np.ones((6, 1)), 0.2)
    twice = GaussianProcess(kernel).log_density([first, copy])
    np.testing.assert_allclose(once, twice, rtol=1e-12)


def test_a_factor_by_panels_is_the_factor(monkeypatch):
    monkeypatch.setattr(_host_cholesky, "_PANEL", 7)
    root = np.random.default_rng(0).standard_normal((23, 23))
    matrix = np.asfortranarray(root @ root.T + np.eye(23))
    expected = np.linalg.cholesky(matrix)
    assert _host_cholesky.cholesky_in_place(found := matrix.copy(order="F")) == 0
    np.testing.assert_allclose(np.tril(found), expected, atol=1e-12)
    matrix[16, 16] = -1.0
    assert _host_cholesky.cholesky_in_place(matrix) == 17


@pytest.mark.slow
def test_many_rows_are_factorised():
    """LAPACK's own factorisation of as many crashed."""
    n = 16_000
    matrix = np.zeros((n, n), order="F")
    matrix[np.arange(n), np.arange(n)] = 2
    assert _host_cholesky.cholesky_in_place(matrix) == 0
    np.testing.assert_allclose(matrix.diagonal(), 2**0.5)


def test_sums_of_large_terms_that_cancel_are_accurate():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(size=(20_001, 3)), 20 * rng.standard_normal((20_001, 2))
    b[1::2] = -b[:-1:2]
    a, b = a.astype(np.float32), b.astype(np.float32)
    expected = a.T.astype(float) @ b.astype(float)
    found = np.abs(np.asarray(_system.accurate_product(jnp.asarray(a), jnp.asarray(b))) - expected)
    # a plain sum is wrong by 0.08 of the worst case per term, eps sum |a b|, this one by 0.03
    assert found.max() < np.finfo(np.float32).eps / 20 * (np.abs(a).T @ np.abs(b)).max()
