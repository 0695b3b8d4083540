"""Seeds as people write them: a list, or a span such as ``0-9``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from experiments.config.limits import RUNS

_DIGITS: Final = 20


def read_seeds(node: Any) -> Any:
    """Read seeds from a configuration.

    Parameters
    ----------
    node : list of int, int or str
        A list, a single seed, or a span: ``0-9`` is ten seeds.

    Returns
    -------
    list of int
        The seeds. Anything else is returned unchanged and fails the later type check.
    """
    span = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", node) if isinstance(node, str) else None
    if span is not None and max(map(len, span.groups())) <= _DIGITS:
        first, last = int(span[1]), int(span[2])
        if last - first < RUNS:
            return list(range(first, last + 1))
    return [node] if isinstance(node, int) else node


def show_seeds(seeds: Sequence[int]) -> str:
    """Format seeds briefly: ``0-9`` for ten consecutive ones."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 2 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, seeds))
