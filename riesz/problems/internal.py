"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.problems._sampling import pair_of_zeros as pair_of_zeros
from riesz.problems._sampling import recorded_fields as recorded_fields
