"""Layers of operators: maps from values on points to values on points.

A layer is called with the values of a function, `(*n, channels)`, and with the discretization
that they are given `on`. Its parameters have no resolution, and its sums over points are
quadratures of integrals, so that it stands for a map of functions: outputs converge when points
are refined. A layer that acts at each point on its own takes values alone.
"""

from riesz._core.layers import MLP as MLP
from riesz._core.layers import Pointwise as Pointwise
from riesz.operators.layers._attention import IntegralAttention as IntegralAttention
from riesz.operators.layers._attention import SliceAttention as SliceAttention
from riesz.operators.layers._attention import TransformerBlock as TransformerBlock
from riesz.operators.layers._block import IntegralBlock as IntegralBlock
from riesz.operators.layers._factorised import Factorised as Factorised
from riesz.operators.layers._kernel_integral import Edges as Edges
from riesz.operators.layers._kernel_integral import KernelIntegral as KernelIntegral
from riesz.operators.layers._kernel_integral import KernelNetwork as KernelNetwork
from riesz.operators.layers._low_rank import LowRankIntegral as LowRankIntegral
from riesz.operators.layers._pointwise import ChannelNorm as ChannelNorm
from riesz.operators.layers._pointwise import IntegralNorm as IntegralNorm
from riesz.operators.layers._spectral import AxisSpectralConvolution as AxisSpectralConvolution
from riesz.operators.layers._spectral import SpectralConvolution as SpectralConvolution
