"""Meshes: orders of convergence, matrices, spectra, location of points, batches, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh, spsolve

from riesz.domains import (
    Box,
    Grid,
    Interval,
    Mesh,
    Region,
    Torus,
    stack_discretizations,
)
from riesz.errors import DomainError
from riesz.functions import Function, batch, stack, take

MESHES = {
    "lines": lambda: Mesh.rectangle(0.0, 2.0, 7),
    "rectangle": lambda: Mesh.rectangle((0.0, -1.0), (2.0, 1.0), (5, 4)),
    "disk": lambda: Mesh.disk(radius=2.0, refinements=3),
    "annulus": lambda: Mesh.annulus(0.5, 1.0, (3, 24)),
    "L": lambda: Mesh.l_shape(6),
    "tetrahedra": lambda: Mesh.rectangle((0.0,) * 3, (1.0, 2.0, 3.0), (2, 3, 2)),
    "sphere": lambda: Mesh.icosphere(refinements=2),
}
MEASURES = {
    "lines": 2.0,
    "rectangle": 4.0,
    "disk": 64 * np.sin(np.pi / 16),  # the regular polygon of 32 sides
    "annulus": (1.0 - 0.25) * 12 * np.sin(np.pi / 12),
    "L": 3.0,
    "tetrahedra": 6.0,
}


def poisson(mesh):
    """The solution of -Laplace u = 1 with u = 0 on the boundary."""
    matrix, inside = mesh.stiffness_matrix(), np.asarray(mesh.boundary) == 0
    load = np.asarray(mesh.weights)
    u = np.zeros(mesh.shape[0])
    u[inside] = spsolve(matrix[inside][:, inside].tocsc(), load[inside])
    return Function(u[:, None], mesh)


@pytest.mark.long
def test_poisson_on_the_disk_converges_with_the_orders_of_linear_elements(x64):
    nodal, whole, slope = [], [], []
    for refinements in (3, 4, 5):
        mesh = Mesh.disk(refinements=refinements)
        u, x = poisson(mesh), np.asarray(mesh.coordinates)
        exact = lambda x, y: (1 - x**2 - y**2) / 4  # noqa: E731
        v = Function.from_callable(exact, mesh)
        nodal.append(float((u - v).norm() / v.norm()))
        if refinements < 5:
            fine = mesh.refine().refine()  # the same polygon, as a quadrature rule
            error = u.resample(fine) - Function.from_callable(exact, fine)
            whole.append(float(error.norm() / (np.pi / 48) ** 0.5))
        # |grad u + x / 2|^2 by the midpoints of the edges, exact for polynomials of degree 2
        corners = x[np.asarray(mesh.cells)]
        middles = (corners + np.roll(corners, 1, 1)) / 2
        wrong = np.asarray(mesh.cell_gradient(u.values))[:, 0, None] + middles / 2
        area = np.asarray(mesh.geometry()[0])
        slope.append(((area / 3) @ (wrong**2).sum((1, 2))) ** 0.5)
    assert mesh.shape == (2113,)
    # relative L2 norm of u - v at the nodes, by the mass matrix
    np.testing.assert_allclose(nodal, [3.83e-3, 9.69e-4, 2.43e-4], rtol=5e-3)
    for errors, order in ((nodal, 2), (whole, 2), (slope, 1)):
        np.testing.assert_allclose(-np.diff(np.log2(errors)), order, atol=0.06)
    np.testing.assert_allclose(whole[-1], 4.0e-3, rtol=0.01)
    energy = float(mesh.energy(u.values, u.values)[0])
    np.testing.assert_allclose(energy, float(u.integral()[0]), rtol=1e-10)
    np.testing.assert_allclose(energy, np.pi / 8, rtol=2e-3)


@pytest.mark.parametrize("name", MESHES)
def test_matrices(name, x64):
    mesh = MESHES[name]()
    mass, stiffness = mesh.mass_matrix(), mesh.stiffness_matrix()
    area = float(jnp.sum(mesh.weights))
    if name in MEASURES:
        np.testing.assert_allclose(area, MEASURES[name])
    np.testing.assert_allclose(mass.sum(), area)
    assert abs(stiffness @ np.ones(mesh.shape[0])).max() < 1e-12
    # sum_k x_k^T K x_k = dimension of the cells * measure, on every mesh
    x = np.asarray(mesh.coordinates)
    np.testing.assert_allclose((x * (stiffness @ x)).sum(), (mesh.cells.shape[1] - 1) * area)
    u, v = jnp.asarray(np.random.default_rng(0).normal(size=(2, mesh.shape[0], 2)))
    np.testing.assert_allclose(mesh.mass(u), mass @ u, atol=1e-12)
    np.testing.assert_allclose(mesh.stiffness(u), stiffness @ u, atol=1e-11)
    np.testing.assert_allclose(mesh.inner(u, v), (u * (mass @ v)).sum(0), atol=1e-12)
    np.testing.assert_allclose(mesh.energy(u, v), (u * (stiffness @ v)).sum(0), atol=1e-11)
    np.testing.assert_allclose(
        Function(u, mesh).norm("H1") ** 2, (u * ((mass + stiffness) @ u)).sum()
    )


def test_eigenvalues_of_the_sphere(x64):
    mesh = Mesh.icosphere(refinements=4)
    found = eigsh(mesh.stiffness_matrix(), 16, mesh.mass_matrix(), sigma=-0.1)[0]
    expected = np.repeat([0, 2, 6, 12], [1, 3, 5, 7])
    assert np.abs(found - expected).max() < 0.062 and (found[1:] > expected[1:]).all()
    coarse = Mesh.icosphere(refinements=3)
    rough = eigsh(coarse.stiffness_matrix(), 16, coarse.mass_matrix(), sigma=-0.1)[0]
    order = np.log2((rough - expected)[1:] / (found - expected)[1:])
    np.testing.assert_allclose(order, 2, atol=0.05)


def test_the_tangential_gradient_of_a_coordinate_on_the_sphere(x64):
    mesh = Mesh.icosphere(refinements=4)
    x = np.asarray(mesh.coordinates)
    slope = Function(x[:, 2:], mesh).gradient().values
    exact = np.eye(3)[2] - x[:, 2:] * x  # e_z less its normal part
    assert np.abs(slope - exact).max() < 0.01


@pytest.mark.parametrize("name", MESHES)
def test_linear_functions_are_exact(name, x64):
    mesh = MESHES[name]()
    slope = np.arange(1.0, 1 + mesh.domain.dim)
    values = (mesh.coordinates @ slope)[:, None] + 3
    f = Function(values, mesh)
    rng = np.random.default_rng(1)
    share = rng.dirichlet(np.ones(mesh.cells.shape[1]), 500)
    cells = np.asarray(mesh.cells)[rng.integers(len(mesh.cells), size=500)]
    points = np.einsum("pk,pkd->pd", share, np.asarray(mesh.coordinates)[cells])
    expected = points @ slope + 3
    np.testing.assert_allclose(f.at(points)[:, 0], expected, atol=1e-12)
    np.testing.assert_allclose(jax.jit(Function.at)(f, points)[:, 0], expected, atol=1e-12)
    if name != "sphere":  # in a flat mesh the gradient is exact, also that of `at`
        flat = mesh.gradient(f.values)[:, 0]
        np.testing.assert_allclose(flat, np.broadcast_to(slope, flat.shape), atol=1e-11)
        inner = jax.grad(lambda x: f.at(x[None])[0, 0])(jnp.asarray(points[0]))
        np.testing.assert_allclose(inner, slope, atol=1e-10)


def test_outside_the_mesh_a_function_has_the_value_of_the_nearest_point(x64):
    mesh = Mesh.rectangle((0, 0), (1, 1), 8)
    f = Function.from_callable(lambda x, y: x + 10 * y, Mesh(Region(2), mesh.relative, mesh.cells))
    np.testing.assert_allclose(f.at([[1.05, 0.5], [-0.02, 1.01], [0.3, -0.01]])[:, 0], [6, 10, 0.3])
    far = jax.jit(Function.at)(f, jnp.asarray([[9.0, 0.5], [-7.0, -3.0]]))
    np.testing.assert_allclose(far[:, 0], [6, 0], atol=1e-12)
    with pytest.raises(DomainError, match="1 points lie outside"):
        f.at([[0.5, 0.5], [1.3, 0.5]])
    with pytest.raises(DomainError, match="1 points lie outside"):
        f.at([[0.5, np.nan]])


def test_location_by_search_is_that_by_bins(x64):
    """On a mesh of cells of very different sizes, against the largest barycentric coordinate."""
    line = np.linspace(0, 1, 17) ** 3
    nodes = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    mesh = Mesh(Box((0, 0), (1, 1)), nodes, Mesh.rectangle(cells=16).cells)
    f = Function(np.random.default_rng(0).normal(size=(len(nodes), 1)), mesh)
    points = np.random.default_rng(1).uniform(size=(400, 2)) ** 3
    corners = nodes[np.asarray(mesh.cells)]
    frame = np.concatenate([corners.swapaxes(1, 2), np.ones((len(corners), 1, 3))], 1)
    right = np.concatenate([points, np.ones((len(points), 1))], 1)
    share = np.einsum("mij,pj->pmi", np.linalg.inv(frame), right)
    best = share.min(-1).argmax(1)
    values = np.asarray(f.values)[np.asarray(mesh.cells)[best], 0]
    expected = (share[np.arange(len(points)), best] * values).sum(1)
    np.testing.assert_allclose(f.at(points)[:, 0], expected, atol=1e-9)


def test_a_mesh_and_a_grid_of_one_box_exchange_functions():
    box = Box((0.0, 0.0), (1.0, 2.0))
    mesh, grid = Mesh.rectangle((0.0, 0.0), (1.0, 2.0), 8), Grid(box, 9)
    f = Function.from_callable(lambda x, y: 1 + x - y, grid)
    there = f.resample(mesh)
    np.testing.assert_allclose(there.resample(grid).values, f.values, atol=1e-5)
    np.testing.assert_allclose(there.integral(), f.integral(), atol=1e-5)


def test_different_meshes_form_one_batch():
    meshes = [Mesh.disk(refinements=3), Mesh.l_shape(6), Mesh.annulus(cells=(2, 20))]
    smooth = [Function.from_callable(lambda x, y: (jnp.sin(3 * x) + y, x * y), m) for m in meshes]
    together = stack(smooth)
    assert together.discretization.stacked and len({m.shape for m in meshes}) == 3

    def measured(f):
        kinds = ("L1", "L2", "Linf", "H1")
        points = jnp.asarray([[0.6, 0.1], [-0.7, 0.2]])
        slopes = f.gradient().norm()
        return f.integral(), jnp.stack([*map(f.norm, kinds), slopes]), f.at(points)

    for i, f in enumerate(smooth):
        one = jax.tree.map(lambda x, i=i: x[i], jax.jit(jax.vmap(measured))(together))
        for x, y in zip(one, measured(f), strict=True):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-5)
    # padding has no influence, and one program serves all meshes of one size
    poisoned = batch(
        jnp.where(together.discretization.mask[..., None], together.values, 1e30),
        stack_discretizations(meshes),
    )
    assert (poisoned.values == together.values).all()
    assert take(poisoned, 1).discretization.refine().shape == meshes[1].refine().shape
    program = jax.jit(Function.norm)
    for i in range(3):
        program(take(together, i))
    assert program._cache_size() == 1


def test_boundaries_and_refinement():
    mesh = Mesh.rectangle((0, 0), (1, 2), (4, 2))
    fine = mesh.refine()
    assert fine.shape == (45,) and fine.domain == mesh.domain == Box((0, 0), (1, 2))
    np.testing.assert_array_equal(fine.relative[: mesh.shape[0]], mesh.relative)
    x, y = np.asarray(fine.coordinates).T
    np.testing.assert_array_equal(fine.boundary == 0, (x > 0) & (x < 1) & (y > 0) & (y < 2))
    assert (np.asarray(fine.boundary)[(x == 0) & (y == 0.5)] == 1).all()
    ring = Mesh.annulus()
    radius = np.linalg.norm(np.asarray(ring.coordinates), axis=1)
    np.testing.assert_allclose(radius[np.asarray(ring.boundary) == 1], 0.5, atol=1e-6)
    np.testing.assert_allclose(radius[np.asarray(ring.boundary) == 2], 1.0, atol=1e-6)
    assert not np.asarray(Mesh.icosphere(refinements=1).boundary).any()
    lengthened = mesh.refine(lambda nodes, boundary: nodes * [1.0, 0.5])
    np.testing.assert_allclose(jnp.sum(lengthened.weights), 1.0, rtol=1e-6)
    unmarked = Mesh(Region(2), mesh.relative, mesh.cells)
    np.testing.assert_array_equal(np.asarray(unmarked.boundary) > 0, np.asarray(mesh.boundary) > 0)


def test_what_a_mesh_says():
    mesh = Mesh.disk(refinements=2)
    assert repr(mesh) == "Mesh(41 nodes, 64 triangles of region of R^2)"
    assert "41 nodes (9 padded), 64 triangles" in repr(mesh.pad(50, *mesh.sizes[1:]))
    extra = Mesh(Region(2), np.r_[np.asarray(mesh.relative), [[5.0, 5.0]]], mesh.cells)
    assert "41 nodes (1 padded)" in repr(extra)


TRIANGLE = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
ERRORS = {
    "nodes": (lambda: Mesh(Region(2), np.zeros((3, 3)), [[0, 1, 2]]), "shape (n, 2);shape (3, 3)"),
    "outside": (lambda: Mesh(Box((0, 0), (0.5, 1)), TRIANGLE, [[0, 1, 2]]), "1 nodes;node 1 at"),
    "circle": (lambda: Mesh(Torus((0, 0), (1, 1)), TRIANGLE, [[0, 1, 2]]), "Region or a Box"),
    "many": (lambda: Mesh(Box([0] * 4, [1] * 4), TRIANGLE, [[0, 1]]), "1 to 3 dimensions"),
    "floats": (lambda: Mesh(Region(2), TRIANGLE, [[0.0, 1.0, 2.0]]), "whole numbers;float64"),
    "tetrahedra in the plane": (
        lambda: Mesh(Region(2), TRIANGLE, [[0, 1, 2, 0]]),
        "k from 2 to 3;shape (1, 4)",
    ),
    "numbers": (lambda: Mesh(Region(2), TRIANGLE, [[1, 2, 3]]), "from 0 to 2;from 1 to 3"),
    "flat": (lambda: Mesh(Region(2), TRIANGLE, [[0, 1, 1]]), "1 cells of the mesh;cell 0"),
    "markers": (lambda: Mesh(Region(2), TRIANGLE, [[0, 1, 2]], [1, 1]), "shape (3,);shape (2,)"),
    "traced": (
        lambda: jax.jit(lambda x: Mesh(Region(2), x, [[0, 1, 2]]).weights)(TRIANGLE),
        "made outside compiled functions",
    ),
    "twice": (
        lambda: Function.from_callable(lambda x, y: x, Mesh.disk()).laplacian(),
        "vanish in every cell;mesh.stiffness",
    ),
    "two kinds": (
        lambda: stack_discretizations([Mesh.disk(), Grid(Interval(), 5)]),
        "one kind;545 nodes;5 vertex points",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, parts = ERRORS[name]
    with pytest.raises(DomainError) as caught:
        call()
    assert all(part in str(caught.value) for part in parts.split(";")), str(caught.value)
