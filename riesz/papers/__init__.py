"""Papers whose claims run in miniature, through the public interface.

```python
riesz.papers.PAPERS["fourier-neural-operator"].claim
riesz.papers.reproduce("fourier-neural-operator")  # minutes; recorded in results.json
```
"""

import difflib
import time
from typing import Any

from riesz.errors import RunError
from riesz.papers._commuting_limits import COMMUTING_LIMITS
from riesz.papers._deep_classifiers import DEEP_CLASSIFIERS
from riesz.papers._deep_kernel_machines import DEEP_KERNEL_MACHINES
from riesz.papers._deeponet import DEEPONET
from riesz.papers._depth_mup import DEPTH_MUP
from riesz.papers._depthwise_transfer import DEPTHWISE_TRANSFER
from riesz.papers._feature_learning import FEATURE_LEARNING
from riesz.papers._finite_size_corrections import FINITE_SIZE_CORRECTIONS
from riesz.papers._fourier_neural_operator import FOURIER_NEURAL_OPERATOR
from riesz.papers._gaussian_residual_networks import GAUSSIAN_RESIDUAL_NETWORKS
from riesz.papers._graph_tangent_kernel import GRAPH_TANGENT_KERNEL
from riesz.papers._infinite_depth import INFINITE_DEPTH
from riesz.papers._labelled_tangent_kernel import LABELLED_TANGENT_KERNEL
from riesz.papers._linear_transfer import LINEAR_TRANSFER
from riesz.papers._maximal_update import MAXIMAL_UPDATE
from riesz.papers._neural_operator import NEURAL_OPERATOR
from riesz.papers._neural_signature_kernels import NEURAL_SIGNATURE_KERNELS
from riesz.papers._neural_tangent_kernel import NEURAL_TANGENT_KERNEL
from riesz.papers._paper import Paper as Paper
from riesz.papers._permutations import PERMUTATIONS
from riesz.papers._principles_of_deep_learning import PRINCIPLES_OF_DEEP_LEARNING
from riesz.papers._pseudo_iid import PSEUDO_IID
from riesz.papers._quadratic_models import QUADRATIC_MODELS
from riesz.papers._random_features import RANDOM_FEATURES
from riesz.papers._results import require_writable, write_result
from riesz.papers._scale_mixtures import SCALE_MIXTURES

# Papers by the name that `riesz reproduce` takes.
PAPERS: dict[str, Paper] = {
    paper.name: paper
    for paper in (
        COMMUTING_LIMITS,
        DEEPONET,
        DEEP_CLASSIFIERS,
        DEEP_KERNEL_MACHINES,
        DEPTHWISE_TRANSFER,
        DEPTH_MUP,
        FEATURE_LEARNING,
        FINITE_SIZE_CORRECTIONS,
        FOURIER_NEURAL_OPERATOR,
        GAUSSIAN_RESIDUAL_NETWORKS,
        GRAPH_TANGENT_KERNEL,
        INFINITE_DEPTH,
        LABELLED_TANGENT_KERNEL,
        LINEAR_TRANSFER,
        MAXIMAL_UPDATE,
        NEURAL_OPERATOR,
        NEURAL_SIGNATURE_KERNELS,
        NEURAL_TANGENT_KERNEL,
        PERMUTATIONS,
        PRINCIPLES_OF_DEEP_LEARNING,
        PSEUDO_IID,
        QUADRATIC_MODELS,
        RANDOM_FEATURES,
        SCALE_MIXTURES,
    )
}


def reproduce(name: str) -> dict[str, Any]:
    """Run a paper's claim in miniature and record what was measured.

    **Returns** the record: `measured`, `seconds`, `date`, `hardware`, `load` (mean number of
    running processes over the last minutes) and the version of `riesz`.

    **Raises:** `RunError` for an unknown name, or where the record cannot be written.
    """
    if name not in PAPERS:
        near = difflib.get_close_matches(name, PAPERS, n=1)
        raise RunError(
            f"{name!r} is not the name of a paper",
            where="riesz.papers.reproduce",
            expected=", ".join(PAPERS),
            repair=f"did you mean {near[0]!r}?" if near else "choose one of these",
        )
    require_writable()
    start = time.monotonic()
    measured = PAPERS[name].run()
    return write_result(name, measured, time.monotonic() - start)
