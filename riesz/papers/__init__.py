"""Papers whose claims run in miniature."""

from typing import Any

# Papers by the name that `riesz reproduce` takes.
PAPERS: dict[str, Any] = {}
