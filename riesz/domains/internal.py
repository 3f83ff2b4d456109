"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.domains._axes import NODES as NODES
from riesz.domains._axes import lagrange as lagrange
from riesz.domains._discretization import padded_alike as padded_alike
from riesz.domains._fixed import fixed as fixed
from riesz.domains._fixed import released as released
from riesz.domains._json import discretization_from_json as discretization_from_json
from riesz.domains._json import discretization_to_json as discretization_to_json
from riesz.domains._json import domain_from_json as domain_from_json
from riesz.domains._json import kind_of as kind_of
from riesz.domains._json import space_from_json as space_from_json
from riesz.domains._json import space_to_json as space_to_json
from riesz.domains._sloped import sloped as sloped
from riesz.domains._sloped import stencil_floats as stencil_floats
