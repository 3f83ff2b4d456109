"""Poisson's equation on disks and L-shapes: a graph neural operator on meshes that all differ.

    python examples/poisson_on_meshes.py

-Laplace u = f in a region, u = 0 on its boundary. Each sample has a region of its own, a disk or an
L-shape that is bent at random, and a random source f; the solution is that of linear finite
elements on the mesh refined once. `GNO` learns f -> u, and is evaluated on other regions and
sources, on meshes like those of the training and on refined ones, beside the baselines of riesz.
"""

import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import spsolve

import riesz
from riesz.domains import Mesh, Region, Space
from riesz.functions import Function, Pairs, stack
from riesz.operators import GNO

SPACE = Space(Region(2))


def solve(mesh: Mesh, f: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Finite elements: K u = M f at the inner nodes, u = 0 at the others."""
    inner = np.flatnonzero(np.asarray(mesh.boundary) == 0)
    load = mesh.mass_matrix() @ f
    u = np.zeros(len(f))
    stiffness = mesh.stiffness_matrix().tocsc()[inner][:, inner]
    u[inner] = np.asarray(spsolve(stiffness, load[inner]))
    return u


def bent(mesh: Mesh, random: np.random.Generator) -> Mesh:
    """The mesh moved by x_i + sum_j c_ij sin(1.5 x_j + p_ij), which folds nothing."""
    x = np.asarray(mesh.relative, float)
    size, phase = random.uniform(-0.15, 0.15, (2, 2)), random.uniform(0, 2 * np.pi, (2, 2))
    waves = np.sin(1.5 * x[:, None, :] + phase)
    return Mesh(mesh.domain, x + (size * waves).sum(-1), mesh.cells, mesh.boundary)


def source(x: Float[np.ndarray, "n 2"], random: np.random.Generator) -> Float[np.ndarray, " n"]:
    """A sum of 40 random waves, nearly a Gaussian field of length scale 1/2."""
    frequency, phase = 2 * random.normal(size=(40, 2)), random.uniform(0, 2 * np.pi, 40)
    return np.cos(x @ frequency.T + phase).sum(1) / 20**0.5


def sample(seed: int) -> tuple[list[Function], list[Function]]:
    """A source and its solution, each on a mesh and on the mesh refined once."""
    random = np.random.default_rng(seed)
    mesh = bent(Mesh.disk(refinements=3) if seed % 2 else Mesh.l_shape(12), random)
    fine = mesh.refine()  # whose first nodes are those of the mesh
    f = source(np.asarray(fine.relative, float), random)
    u = solve(fine, f)

    def on_both(v: Float[np.ndarray, " n"]) -> list[Function]:
        return [
            Function(jnp.asarray(v[: on.shape[0], None], float), on, SPACE) for on in (mesh, fine)
        ]

    return on_both(f), on_both(u)


def samples(seeds: range) -> tuple[Pairs, Pairs]:
    """Pairs on the meshes, and the same pairs on the refined ones."""
    found = [sample(seed) for seed in seeds]

    def at(level: int) -> Pairs:
        return Pairs(stack([f[level] for f, _ in found]), stack([u[level] for _, u in found]))

    return at(0), at(1)


def main(n: int = 200, steps: int = 300) -> dict[str, float]:
    """Errors, relative to the deviation of the training outputs."""
    start = time.monotonic()
    training, _ = samples(range(n))
    held_out, refined = samples(range(10**6, 10**6 + 40))
    print(f"{training}\n{held_out}\nrefined: {refined}\n{time.monotonic() - start:.0f} s")
    operator = GNO(SPACE, SPACE, radius=0.5, share=0.3, width=24, layers=4, key=jax.random.key(0))
    fitted = riesz.fit(operator, training, steps=steps, key=jax.random.key(1))
    with tempfile.TemporaryDirectory() as folder:
        riesz.save(f"{folder}/model", fitted.model)
        model = riesz.load(f"{folder}/model")
    errors = {}
    baselines = riesz.baselines(training, key=jax.random.key(2))
    for name, pairs in (("meshes", held_out), ("refined", refined)):
        report = riesz.evaluate(model, pairs, baselines=baselines)
        errors[name] = report.results[0].error.mean
        print(report)
    # the error of predicting one number
    errors["mean"] = next(b.error.mean for b in report.baselines if b.name == "training mean")
    return errors


if __name__ == "__main__":
    main()
