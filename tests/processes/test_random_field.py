import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.special

from riesz.domains import Box, Grid, Interval, MovedGrid, Points, Space, Torus
from riesz.errors import DataError, DomainError
from riesz.functions import Function
from riesz.kernels import Matern, PowerSpectrum, SquaredExponential
from riesz.processes import Values, random_field

ROUGH = PowerSpectrum(1.0, 3.0, 1.5)


def draw(field, grid, key):
    return np.asarray(jax.jit(lambda k: field.draw(grid, key=k).values)(key))[..., 0]


def modes_of(values, kind):
    """Coefficients of the modes below the Nyquist frequency along every axis."""
    for axis in range(values.ndim):
        values = np.moveaxis(values, axis, 0)
        if kind == "uniform":
            values = scipy.fft.rfft(values, axis=0, norm="forward")[: (len(values) + 1) // 2]
        elif kind == "neumann vertex":
            values = scipy.fft.dct(values, 1, axis=0)[:-1] / (len(values) - 1)
        elif kind == "neumann centre":
            values = scipy.fft.dct(values, 2, axis=0) / len(values)
        elif kind == "dirichlet vertex":
            values = scipy.fft.dst(values[1:-1], 1, axis=0) / (len(values) - 1)
        values = np.moveaxis(values, 0, axis)
        if kind == "uniform":
            return values
    return values


CASES = {
    "uniform": (Torus(0.5, 2.0), "periodic", None, 16, 64),
    "uniform odd": (Torus(0.0, 1.0), "periodic", None, 15, 45),
    "neumann vertex": (Box((0, 0), (1, 2)), "neumann", "vertex", 9, 33),
    "neumann centre": (Interval(-1, 1), "neumann", "centre", 8, 24),
    "dirichlet vertex": (Box((0, 0), (1, 1)), "dirichlet", "vertex", 9, 17),
}


@pytest.mark.parametrize("case", CASES)
def test_a_coarse_draw_is_the_truncation_of_the_fine_one(case, getkey, x64):
    domain, boundary, nodes, n, m = CASES[case]
    field, key = random_field(Space(domain), ROUGH, boundary), getkey()
    grids = Grid(domain, n, nodes), Grid(domain, m, nodes)
    sample = jax.jit(lambda k: [field.draw(grid, key=k).values[..., 0] for grid in grids])
    coarse, fine = (modes_of(np.asarray(v), case.replace(" odd", "")) for v in sample(key))
    kept = fine[tuple(slice(k) for k in coarse.shape)]
    np.testing.assert_allclose(coarse, kept, atol=1e-12 * np.abs(fine).max())
    assert np.abs(fine[coarse.shape[0] :]).max() > 1e-4 * np.abs(fine).max()


def test_single_precision_keeps_five_digits_of_the_truncation(getkey):
    domain, boundary, nodes, n, m = CASES["neumann vertex"]
    field, key = random_field(Space(domain), ROUGH, boundary), getkey()
    coarse = modes_of(draw(field, Grid(domain, n, nodes), key), "neumann vertex")
    fine = modes_of(draw(field, Grid(domain, m, nodes), key), "neumann vertex")
    np.testing.assert_allclose(
        coarse, fine[: len(coarse), : len(coarse)], atol=1e-5 * np.abs(fine).max()
    )


@pytest.mark.parametrize("boundary", ["periodic", "neumann", "dirichlet", "free"])
def test_a_fixed_number_of_waves_gives_the_same_values_on_every_discretization(
    boundary, getkey, x64
):
    domain = Interval(-1, 2)
    field = random_field(Space(domain), ROUGH, boundary, waves=12)
    # the first three resolve the waves, and are summed by FFT
    sizes = [("vertex", 61), ("left", 30), ("centre", 30), ("vertex", 7), ("chebyshev", 9)]
    grids = [Grid(domain, n, nodes) for nodes, n in sizes]
    right = Grid(domain, 6, "right")
    grids.append(MovedGrid(right, -jnp.ones(1), 3 * jnp.ones(1)))
    x = jnp.concatenate([grid.coordinates for grid in grids])
    everywhere = Points(domain, x, weights=jnp.ones(len(x)))

    @jax.jit
    def sample(key):
        parts = [field.draw(grid, key=key).values for grid in grids]
        return jnp.concatenate(parts), field.draw(everywhere, key=key).values

    found, expected = sample(getkey())
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_two_dimensions_points_chebyshev_and_grids_agree(getkey, x64):
    domain, key = Interval(0, 1) * Torus(0, 2), getkey()
    field = random_field(Space(domain, 2), SquaredExponential(0.4), "neumann")
    grid = Grid(domain, (33, 24), ("vertex", "uniform"))
    points = jnp.asarray([[0.25, 0.5], [0.5, 0.0], [1.0, 1.75]])
    scattered = Points(domain, points, weights=jnp.ones(3))
    chebyshev = Grid(domain, (3, 24), ("chebyshev", "uniform"))
    sample = jax.jit(lambda k: [field.draw(g, key=k).values for g in (grid, scattered, chebyshev)])
    got, at, mixed = map(np.asarray, sample(key))
    np.testing.assert_allclose(got[[8, 16, 32], [6, 0, 21]], at, atol=1e-10)
    np.testing.assert_allclose(mixed[1], got[16], atol=1e-10)
    assert abs(np.corrcoef(*got.reshape(-1, 2).T)[0, 1]) < 0.9


def matern(nu, length):
    def kernel(r):
        z = np.sqrt(2 * nu) * np.maximum(r, 1e-9) / length
        return 2 ** (1 - nu) / scipy.special.gamma(nu) * z**nu * scipy.special.kv(nu, z)

    return kernel


LAWS = {
    "squared exponential": (SquaredExponential(0.1, 2.0), lambda r: 2 * np.exp(-(r**2) / 0.02)),
    "matern 1.5": (Matern(1.5, 0.1), matern(1.5, 0.1)),
    "matern 2.7": (Matern(2.7, 0.15), matern(2.7, 0.15)),
}


def moments(field, grid, count, key):
    """Covariance of the first node with all nodes, by Monte Carlo; draws share a program."""
    draw = jax.jit(jax.vmap(lambda k: field.draw(grid, key=k).values[..., 0]))
    values = np.asarray(draw(jax.random.split(key, count))).reshape(count, -1)
    return values.T @ values / count


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("dim", [1, 2])
def test_covariance_on_a_torus_is_the_periodised_kernel(law, dim, getkey):
    covariance, kernel = LAWS[law]
    domain = Torus((0.0,) * dim, (1.0,) * dim)
    n = 64 if dim == 1 else 24
    field = random_field(Space(domain), covariance)
    count = 4000 if dim == 1 else 800
    draw = jax.jit(jax.vmap(lambda k: field.draw(Grid(domain, n), key=k).values[..., 0]))
    values = np.asarray(draw(jax.random.split(getkey(), count)), float)
    spectrum = np.abs(np.fft.fftn(values, axes=range(1, dim + 1))) ** 2
    found = np.fft.ifftn(spectrum.mean(0)).real / n**dim
    lag = np.arange(n) / n
    image = np.arange(-3, 4)
    if dim == 1:
        expected = kernel(np.abs(lag[:, None] + image)).sum(1)
        lags = [0, 3, 6, 16]
    else:
        r = np.hypot((lag[:, None] + image)[:, None, :, None], image)
        expected = kernel(r).sum((1, 2, 3))
        found, lags = found[:, 0], [0, 1, 3, 8]
    np.testing.assert_allclose(found[lags], expected[lags], atol=0.04 * expected[0])


def test_free_fields_have_the_covariance_of_the_line(getkey):
    domain, lags = Interval(0, 1), np.arange(33) / 32
    for covariance, kernel in (LAWS["squared exponential"], LAWS["matern 1.5"]):
        found = moments(random_field(Space(domain), covariance), Grid(domain, 33), 6000, getkey())
        for first in (0, 16, 32):
            expected = kernel(np.abs(lags - lags[first]))
            np.testing.assert_allclose(found[first], expected, atol=0.07 * expected.max())


@pytest.mark.parametrize(("boundary", "sign"), [("neumann", 1), ("dirichlet", -1)])
def test_boundary_conditions_are_those_of_the_method_of_images(boundary, sign, getkey):
    covariance, kernel = LAWS["squared exponential"]
    domain, x = Interval(0, 1), np.arange(33) / 32
    field = random_field(Space(domain), covariance, boundary)
    found = moments(field, Grid(domain, 33), 6000, getkey())
    for first in (0, 2, 16, 31):
        expected = sum(
            kernel(np.abs(x - x[first] + 2 * k)) + sign * kernel(np.abs(x + x[first] + 2 * k))
            for k in (-1, 0, 1)
        )
        np.testing.assert_allclose(found[first], expected, atol=0.25 if sign == 1 else 0.12)
    f = Function(draw(field, Grid(domain, 129), getkey())[:, None], Grid(domain, 129))
    end = f.derivative(0).values if sign == 1 else f.values
    assert float(jnp.abs(end[jnp.asarray([0, -1])]).max()) < 1e-3 * float(jnp.abs(end).max())


def test_power_spectrum_is_the_variance_of_normalised_modes(getkey):
    """The Burgers distribution of Li et al.: the mode sqrt(2) cos(2 pi k x) has variance S."""
    domain = Torus(0, 1)
    field = random_field(Space(domain), PowerSpectrum(625.0, 5.0, 2.0))
    draw = jax.jit(jax.vmap(lambda k: field.draw(Grid(domain, 16), key=k).values[:, 0]))
    values = np.asarray(draw(jax.random.split(getkey(), 8000)))
    coefficients = np.fft.rfft(values, axis=1, norm="forward")
    k = np.arange(8)
    expected = 625.0 * ((2 * np.pi * k) ** 2 + 25) ** -2
    found = (np.abs(coefficients[:, :8]) ** 2).mean(0)
    np.testing.assert_allclose(found, expected, rtol=0.1)


def test_without_its_mean_every_draw_integrates_to_zero(getkey):
    domain = Box((0, 0), (1, 1))
    field = random_field(Space(domain), PowerSpectrum(1.0, 0.0, 2.0, zero_mean=True), "neumann")
    values = draw(field, Grid(domain, 16, "centre"), getkey())
    assert abs(values.mean()) < 1e-6 < values.std()


def test_any_spectrum_may_be_given_as_a_function(getkey):
    domain, key, grid = Torus(0, 1), getkey(), Grid(Torus(0, 1), 32)
    power = random_field(Space(domain), PowerSpectrum(2.0, 3.0, 1.5))
    written = random_field(Space(domain), PowerSpectrum(lambda s: 2.0 * (s + 9.0) ** -1.5))
    np.testing.assert_allclose(draw(power, grid, key), draw(written, grid, key), rtol=1e-5)


def test_three_dimensions_and_a_traced_length_scale(getkey):
    domain, key = Box((0, 0, 0), (1, 1, 1)), getkey()

    @jax.jit
    def roughness(length):
        field = random_field(Space(domain), SquaredExponential(length), "neumann")
        f = field.draw(Grid(domain, 8), key=key)
        return jnp.abs(jnp.diff(f.values, axis=0)).mean() / jnp.abs(f.values).mean()

    rough, slope = jax.value_and_grad(roughness)(0.2)
    assert rough > 2 * roughness(1.0) and slope < 0


def test_bad_requests_say_what_to_do():
    space = Space(Interval(0, 1))
    with pytest.raises(DataError, match="length scale of a kernel is positive"):
        SquaredExponential(0.0)
    with pytest.raises(DataError, match="smoothness of a kernel is positive"):
        Matern(-1.0, 0.1)
    with pytest.raises(DataError, match="infinite variance(.|\n)*zero_mean=True"):
        PowerSpectrum(1.0, 0.0, 2.0)
    with pytest.raises(DataError, match="at least one wave"):
        random_field(space, ROUGH, waves=0)
    field = random_field(space, ROUGH)
    with pytest.raises(DomainError, match="different domains"):
        field.draw(Grid(Interval(0, 2), 8), key=jax.random.key(0))
    with pytest.raises(DomainError, match=r"another dimension(.|\n)*\(points, 1\)"):
        field.sample(1, on=jnp.zeros((3, 2)), key=jax.random.key(0))
    cube = Box((0, 0, 0), (1, 1, 1))
    with pytest.raises(DomainError, match="too fine for a random field in this dimension"):
        random_field(Space(cube), ROUGH).draw(Grid(cube, (1024, 2, 2)), key=jax.random.key(0))


def test_draws_have_the_marginal_law(getkey, x64):
    domain = Interval(0, 1)
    field = random_field(Space(domain, 2), Matern(1.5, 0.2), "neumann", waves=40)
    x = jnp.asarray([[0.0], [0.1], [0.55], [1.0]])
    key = getkey()
    draws = np.asarray(field.sample(4000, on=x, key=key))
    law = field.marginal(on=x, joint=True)
    assert draws.shape == (4000, 4, 2)
    covariance = np.einsum("npc,nqc->pq", draws, draws) / 8000
    np.testing.assert_allclose(covariance, law.covariance, atol=0.1)
    np.testing.assert_allclose(law.variance, np.diag(law.covariance)[:, None] * [1, 1])
    np.testing.assert_allclose(law.covariance, field.kernel(x), rtol=1e-12)
    points = Points(domain, x, weights=jnp.ones(4))
    seventh = field.draw(points, key=jax.random.split(key, 4000)[7])
    np.testing.assert_allclose(draws[7], seventh.values)
    grid = Grid(domain, 5)
    several = field.sample(3, on=grid, key=key)
    assert several.values.shape == (3, 5, 2) and several.space == field.space
    np.testing.assert_allclose(field.marginal(on=grid).variance.values[0, 0], law.variance[0, 0])


def test_a_field_in_the_plane_is_conditioned_on_values(x64):
    """Against the conditional distribution of the modes' coefficients, by linear algebra."""
    domain = Interval(0, 1) * Torus(0, 1)
    field = random_field(Space(domain), SquaredExponential(0.3), "dirichlet", waves=4)
    x = jnp.asarray([[0.5, 0.2], [0.25, 0.9], [0.7, 0.4]])
    y = jnp.asarray([[1.0], [-1.0], [0.5]])
    posterior = field.condition(Values(x, y, 0.1)).marginal(on=x, joint=True)
    k = np.asarray(field.kernel(x))
    gain = k @ np.linalg.inv(k + 0.01 * np.eye(3))
    np.testing.assert_allclose(posterior.mean, gain @ np.asarray(y), rtol=1e-8)
    np.testing.assert_allclose(posterior.covariance, k - gain @ k, atol=1e-8)
    # by images: the stationary covariance minus that of the reflection at the ends
    images = np.arange(-2, 3)
    direct = SquaredExponential(0.3)
    expected = sum(
        float(direct(x[:1], jnp.asarray([[2 * i + s * 0.25, 0.9 + j]]))[0, 0]) * s
        for i in images
        for j in images
        for s in (1, -1)
    )
    assert abs(k[0, 1] - expected) < 2e-3 * k[0, 0]
