"""What every package needs."""

from riesz._core._wait import Watch as Watch
from riesz._core._wait import settle as settle
