"""Seeds as people write them: a list, or the first and the last as ``0-9``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def read_seeds(node: Any) -> Any:
    """Return a list of seeds.

    Parameters
    ----------
    node : list of int, int or str
        ``0-9`` is ten seeds. Anything else is returned as it is, for the type's check to refuse.
    """
    span = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", node) if isinstance(node, str) else None
    if span is not None:
        return list(range(int(span[1]), int(span[2]) + 1))
    return [node] if isinstance(node, int) else node


def show_seeds(seeds: Sequence[int]) -> str:
    """Write seeds as short as they can be: ``0-9`` for ten in a row."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds))
