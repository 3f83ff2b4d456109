"""What every package needs."""

from riesz._core._files import replacing as replacing
from riesz._core._files import write_atomically as write_atomically
from riesz._core._parameters import FROZEN as FROZEN
from riesz._core._parameters import KIND as KIND
from riesz._core._parameters import POSITIVE as POSITIVE
from riesz._core._parameters import REAL as REAL
from riesz._core._parameters import Frozen as Frozen
from riesz._core._parameters import cast as cast
from riesz._core._parameters import kinds as kinds
from riesz._core._parameters import trainable as trainable
from riesz._core._tracing import traced as traced
from riesz._core._wait import Watch as Watch
from riesz._core._wait import settle as settle
