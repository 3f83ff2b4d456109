"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.networks._covariances import Covariances as Covariances
from riesz.networks._parameter import Place as Place
