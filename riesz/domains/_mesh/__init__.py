"""Meshes whose geometry is data."""

from riesz.domains._mesh._mesh import Mesh as Mesh
