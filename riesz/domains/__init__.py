"""Where functions live and where they are sampled.

A *domain* is a set of points with an integration measure; a *discretization* is a finite set
of points in it together with quadrature weights; a *space* is a domain with named channels.
"""

from riesz.domains._axes import AbstractAxis as AbstractAxis
from riesz.domains._axes import Kind as Kind
from riesz.domains._axes import Nodes as Nodes
from riesz.domains._discretization import DISCRETIZATIONS as DISCRETIZATIONS
from riesz.domains._discretization import AbstractDiscretization as AbstractDiscretization
from riesz.domains._discretization import register as register
from riesz.domains._discretization import stack_discretizations as stack_discretizations
from riesz.domains._disjoint import DisjointPoints as DisjointPoints
from riesz.domains._domain import AbstractDomain as AbstractDomain
from riesz.domains._domain import AbstractProductDomain as AbstractProductDomain
from riesz.domains._domain import Box as Box
from riesz.domains._domain import Interval as Interval
from riesz.domains._domain import Point as Point
from riesz.domains._domain import Product as Product
from riesz.domains._domain import Torus as Torus
from riesz.domains._features import coordinate_features as coordinate_features
from riesz.domains._features import envelope as envelope
from riesz.domains._features import feature_count as feature_count
from riesz.domains._grid import AbstractTensorGrid as AbstractTensorGrid
from riesz.domains._grid import Grid as Grid
from riesz.domains._grid import MovedGrid as MovedGrid
from riesz.domains._masked import MaskedGrid as MaskedGrid
from riesz.domains._mesh import Mesh as Mesh
from riesz.domains._points import Points as Points
from riesz.domains._region import Region as Region
from riesz.domains._space import Space as Space
from riesz.domains._union import DisjointUnion as DisjointUnion
