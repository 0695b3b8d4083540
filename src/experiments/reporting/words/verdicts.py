"""Put the verdict on a pair of groups into words."""

from __future__ import annotations

from experiments.analysis.pairs import Pair


def verdict_of(pair: Pair, first: str) -> str:
    """Write what the seeds show about a pair whose first group has the name `first`."""
    return f"{first} is better" if pair.first_is_better else pair.verdict.value
