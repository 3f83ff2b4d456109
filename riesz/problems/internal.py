"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.problems._sampling import digest as digest
from riesz.problems._sampling import output_place as output_place
from riesz.problems._sampling import pair_of_zeros as pair_of_zeros
