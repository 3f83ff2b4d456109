"""What every package needs."""

from riesz._core._files import replacing as replacing
from riesz._core._files import write_atomically as write_atomically
from riesz._core._wait import Watch as Watch
from riesz._core._wait import settle as settle
