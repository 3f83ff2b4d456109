"""Two-dimensional flow against exact solutions and balances."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from riesz.domains import Grid, Interval, Torus
from riesz.errors import DataError
from riesz.functions import Function
from riesz.problems import FourierETDRK4, NavierStokes


def vortices(x, y):
    return jnp.sin(x) * jnp.cos(2 * y) + 0.7 * jnp.cos(x + y) + 0.5 * jnp.sin(2 * x - y)


def start(problem, resolution, f=vortices):
    return Function.from_callable(f, problem.discretization(resolution))


def fixed(modes, steps):
    return FourierETDRK4(steps, modes)


def solve(problem, a):
    return eqx.filter_jit(problem.solution)(a)


def distance(u, v):
    return float(jnp.abs(u.values - v.values).max())


def test_taylor_green_vortices_decay(x64):
    problem = NavierStokes(0.05, time=1.0, drag=0.1, amplitude=0.0, solver=fixed(12, 64))
    a = start(problem, 16, lambda x, y: 2 * jnp.cos(x) * jnp.cos(y))
    solution = solve(problem, a)
    assert bool(solution.converged)
    assert distance(solution.function, a * np.exp(-0.1 - 2 * 0.05)) < 1e-12


def test_kolmogorov_flow_builds_up(x64):
    problem = NavierStokes(
        0.05,
        time=2.0,
        drag=0.1,
        amplitude=0.6,
        wave_number=3,
        solver=fixed(8, 8),
    )
    solution = solve(problem, start(problem, 16, lambda x, y: 0 * x))
    rate = 0.1 + 0.05 * 9
    level = -0.6 * 3 / rate * (1 - np.exp(-rate * 2.0))
    assert (
        distance(solution.function, start(problem, 16, lambda x, y: level * jnp.cos(3 * y))) < 1e-12
    )


def test_shear_decays(x64):
    # a shear does not advect itself, whatever its direction
    problem = NavierStokes(0.02, time=1.0, amplitude=0.0, solver=fixed(12, 64))
    a = start(problem, 16, lambda x, y: jnp.cos(3 * x - 2 * y) + 0.25)
    out = solve(problem, a).function
    exact = start(problem, 16, lambda x, y: jnp.cos(3 * x - 2 * y) * np.exp(-0.02 * 13) + 0.25)
    assert distance(out, exact) < 1e-12


def test_order_in_time_is_four(x64):
    sequence = []
    for steps in (10, 20, 40):
        problem = NavierStokes(0.02, time=1.0, drag=0.1, solver=fixed(16, steps))
        sequence.append(solve(problem, start(problem, 24)).function)
    coarse, fine = distance(*sequence[:2]), distance(*sequence[1:])
    assert abs(np.log2(coarse / fine) - FourierETDRK4.time_order) < 0.3


def test_converges_spectrally_in_space(x64):
    out = []
    for modes in (8, 16, 32, 48):
        problem = NavierStokes(0.02, time=1.0, solver=fixed(modes, 64))
        out.append(solve(problem, start(problem, 16)).function)
    errors = [distance(u, out[-1]) for u in out[:-1]]
    assert errors[0] > 1e-4
    assert errors[1] < 30 * errors[0] ** 1.7 and errors[2] < 1e-6
    assert FourierETDRK4.order == np.inf


def test_cheaper_solvers_have_fewer_modes_or_steps():
    problem = NavierStokes(0.02, time=1.0)
    on = problem.discretization(24)
    modes, steps = problem.solver.plan(problem.equation, on.shape)
    fewer, longer = problem.solver.cheaper(problem.equation, on)
    assert (fewer.modes, fewer.steps) == (modes[0] * 3 // 4, steps)
    assert (longer.modes, longer.steps) == (modes[0], steps // 2)
    # the forcing has 4 waves, which are kept
    assert fixed(5, 1).cheaper(problem.equation, on) == ()


def velocity(w):
    """From the vorticity, by NumPy's Fourier transform: independent of the solver."""
    n = w.shape[0]
    k = np.fft.fftfreq(n, 1 / n)
    kx, ky = np.meshgrid(k, k, indexing="ij")
    squared = np.where(kx**2 + ky**2 > 0, kx**2 + ky**2, np.inf)
    stream = np.fft.fft2(w) / squared
    return np.fft.ifft2(1j * ky * stream).real, np.fft.ifft2(-1j * kx * stream).real


def test_energy_balance_and_mean(x64):
    viscosity, drag, amplitude, wave = 0.02, 0.05, 0.8, 2
    problem = NavierStokes(viscosity, 0.05, drag, amplitude, wave_number=wave, solver=fixed(20, 16))
    w = start(problem, 48)
    y = np.asarray(w.discretization.coordinates[..., 1])
    energies, rates, means = [], [], []
    for _ in range(9):
        values = np.asarray(w.values[..., 0])
        u, v = velocity(values)
        energy, enstrophy = np.mean(u**2 + v**2) / 2, np.mean(values**2) / 2
        power = np.mean(u * amplitude * np.sin(wave * y))
        energies.append(energy)
        rates.append(-2 * viscosity * enstrophy - 2 * drag * energy + power)
        means.append(values.mean())
        w = solve(problem, w).function
    times = Grid(Interval(0, 0.4), 9)
    gained = float(Function(jnp.asarray(rates)[:, None], times).integral()[0])
    assert abs(energies[-1] - energies[0] - gained) < 1e-8
    assert abs(energies[-1] - energies[0]) > 1e-3
    np.testing.assert_allclose(means, 0, atol=1e-14)


def test_automatic_choices_resolve(x64):
    problem = NavierStokes(0.01, time=0.5)
    a = problem.sample_input(problem.discretization(48), key=jax.random.key(3))
    solution = solve(problem, a)
    assert bool(solution.converged)
    modes, steps = problem.solver.plan(problem.equation, a.discretization.shape)
    finer = NavierStokes(0.01, time=0.5, solver=fixed(3 * modes[0] // 2, 2 * steps))
    u = solve(finer, a).function
    assert float((solution.function - u).norm() / u.norm()) < 1e-4


def test_single_precision_is_accurate():
    problem = NavierStokes(0.01, time=0.5, amplitude=0.5, solver=fixed(24, 96))
    single = solve(problem, start(problem, 32)).function
    with jax.enable_x64(True):
        double = solve(problem, start(problem, 32)).function.values
    assert single.values.dtype == jnp.float32
    assert np.abs(np.asarray(single.values) - np.asarray(double)).max() < 1e-5


def test_failure_is_a_status():
    problem = NavierStokes(1e-4, solver=fixed(12, 96))
    a = start(problem, 24)
    assert not bool(solve(problem, a).converged)  # the tail has not decayed
    assert bool(solve(NavierStokes(0.05, solver=fixed(24, 96)), a).converged)
    assert not bool(solve(NavierStokes(0.05, solver=fixed(24, 8)), a).converged)  # long steps
    assert not bool(solve(problem, jax.jit(lambda a: a * jnp.nan)(a)).converged)


def test_residual_shrinks(x64):
    sizes = []
    for steps in (16, 32):
        problem = NavierStokes(0.02, time=0.5, solver=fixed(16, steps))
        a = start(problem, 24)
        u = solve(problem, a).function
        residual = eqx.filter_jit(problem.residual)
        sizes.append(float(residual(a, u).norm()))
    assert sizes[1] < sizes[0] / 10
    np.testing.assert_allclose(residual(a, u + 0.25).values, 0.25, atol=1e-5)


def test_law_of_initial_states(getkey):
    problem = NavierStokes()
    grid = problem.discretization(12)
    keys = jax.random.split(getkey(), 2000)
    draw = jax.jit(jax.vmap(lambda k: problem.sample_input(grid, key=k).values[..., 0]))
    values = draw(keys)
    spectrum = np.mean(np.abs(np.fft.fft2(values, norm="forward")) ** 2, 0)
    k = np.fft.fftfreq(12, 1 / 12)
    squared = k[:, None] ** 2 + k**2
    # the covariance operator's eigenvalue over the area, at every wave vector but zero
    expected = (squared + (7 / (2 * np.pi)) ** 2) ** -2.5
    inner = (squared > 0) & (np.abs(k[:, None]) < 6) & (np.abs(k) < 6)
    np.testing.assert_allclose(spectrum[inner], expected[inner], rtol=0.2)
    assert spectrum[0, 0] < 1e-10
    assert abs(np.sqrt(np.mean(np.square(values))) - 1) < 0.05


@pytest.mark.parametrize("amplitude", [0.0, 1.0])
def test_symmetries(x64, amplitude):
    problem = NavierStokes(0.02, 0.5, amplitude=amplitude, wave_number=2, solver=fixed(7, 32))
    run = eqx.filter_jit(problem.solution)
    a = start(problem, 15)
    u = run(a).function
    assert len(problem.symmetries) == (1 if amplitude else 4)
    for symmetry, element in zip(problem.symmetries, (0.37, 0.21, 1.0, 1.0), strict=False):
        element = jnp.asarray(element)
        out = run(symmetry.apply(a, element).resample(a.discretization)).function
        expected = symmetry.apply(u, element).resample(a.discretization)
        assert distance(out, expected) < 1e-9 < 0.1 < distance(out, u)


def test_rectangular_grids_and_batches(getkey):
    problem = NavierStokes(0.02, time=0.2, solver=fixed(12, 16))
    grid = Grid(Torus((0, 0), (2 * np.pi, 2 * np.pi)), (20, 24))
    keys = jax.random.split(getkey(), 2)
    draw = lambda k: problem.solution(problem.sample_input(grid, key=k))  # noqa: E731
    out = jax.jit(jax.vmap(draw))(keys)
    assert out.function.values.shape == (2, 20, 24, 1)
    coarse = start(problem, 24)
    other = Function.from_callable(vortices, grid)
    assert (
        distance(solve(problem, other).function, solve(problem, coarse).function.resample(grid))
        < 1e-5
    )


def test_refuses_what_it_cannot_solve():
    with pytest.raises(DataError, match="viscosity=0"):
        NavierStokes(0.0)
