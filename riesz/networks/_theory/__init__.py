"""The theory of wide and deep networks, for any activation."""

from riesz.networks._theory._aspect_ratio import optimal_aspect_ratio as optimal_aspect_ratio
from riesz.networks._theory._aspect_ratio import vertex_growth as vertex_growth
from riesz.networks._theory._critical import critical as critical
from riesz.networks._theory._critical import edge_of_chaos as edge_of_chaos
from riesz.networks._theory._depth_classifier import DepthClassifier as DepthClassifier
from riesz.networks._theory._depth_classifier import depth_classifier as depth_classifier
from riesz.networks._theory._finite_width import FiniteWidth as FiniteWidth
from riesz.networks._theory._finite_width import finite_width as finite_width
from riesz.networks._theory._fixed_point import FixedPoint as FixedPoint
from riesz.networks._theory._fixed_point import depth_scale as depth_scale
from riesz.networks._theory._fixed_point import fixed_point as fixed_point
from riesz.networks._theory._infinite_depth import InfiniteDepth as InfiniteDepth
from riesz.networks._theory._residual_diffusion import ResidualDiffusion as ResidualDiffusion
