"""What other packages of riesz use of this one; its interface may change at any time."""

from riesz.functions._agreement import is_batch as is_batch
from riesz.functions._agreement import require_inside as require_inside
from riesz.functions._agreement import require_single as require_single
from riesz.functions._agreement import same_points as same_points
from riesz.functions._agreement import shorten as shorten
from riesz.functions._assembly import common_points as common_points
from riesz.functions._assembly import kept_apart as kept_apart
from riesz.functions._assembly import same_nodes as same_nodes
from riesz.functions._batch import by_parts as by_parts
from riesz.functions._fixed import fixed_pairs as fixed_pairs
from riesz.functions._fixed import with_slopes as with_slopes
from riesz.functions._function import unchecked as unchecked
from riesz.functions._norms import average as average
from riesz.functions._norms import norm as norm
from riesz.functions._norms import root as root
from riesz.functions._pairs import Parts as Parts
from riesz.functions._pairs import chunks as chunks
from riesz.functions._pairs import pieces as pieces
from riesz.functions._pairs import split_samples as split_samples
from riesz.functions._pairs import subset as subset
