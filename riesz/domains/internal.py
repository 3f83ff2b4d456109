"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.domains._axes import NODES as NODES
from riesz.domains._axes import lagrange as lagrange
from riesz.domains._discretization import padded_alike as padded_alike
from riesz.domains._fixed import FixedPoints as FixedPoints
from riesz.domains._fixed import fixed as fixed
from riesz.domains._fixed import released as released
from riesz.domains._json import domain_from_json as domain_from_json
from riesz.domains._json import grid_from_json as grid_from_json
from riesz.domains._json import grid_to_json as grid_to_json
from riesz.domains._json import space_from_json as space_from_json
from riesz.domains._json import space_to_json as space_to_json
from riesz.domains._points import AbstractPoints as AbstractPoints
from riesz.domains._sloped import SlopedPoints as SlopedPoints
from riesz.domains._sloped import sloped as sloped
from riesz.domains._stencils import NEIGHBOURS as NEIGHBOURS
