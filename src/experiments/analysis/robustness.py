"""Find where the order of groups is reversed if something beside the optimizers is varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from experiments.analysis.study import Part

AS_CONFIGURED: Final = "as configured"
"""The name of the task around which others vary something."""


@dataclass(frozen=True)
class Flip:
    """Two groups whose order is separated, and the other way round where something is varied.

    Attributes
    ----------
    variation : str
        The name of the part, such as `training.batch_size=8`.
    better, worse : str
        The names of the groups, in the order as configured.
    """

    variation: str
    better: str
    worse: str


def is_varied(parts: Sequence[Part]) -> bool:
    """Return whether the parts vary something around a comparison."""
    return len(parts) > 1 and any(part.name == AS_CONFIGURED for part in parts)


def flips(parts: Sequence[Part]) -> list[Flip]:
    """Find the pairs in focus whose order is separated both as configured and the other way round.

    Parameters
    ----------
    parts : sequence of Part
        The parts of a study, of which one is named `AS_CONFIGURED`.
    """
    (base,) = (part for part in parts if part.name == AS_CONFIGURED)
    known = _order(base)
    return [
        Flip(part.name, worse, better)
        for part in parts
        if part is not base
        for better, worse in sorted(_order(part))
        if (worse, better) in known
    ]


def _order(part: Part) -> set[tuple[str, str]]:
    """Return the names of separated pairs in focus, the better group first."""
    names = {entry.label: entry.base for entry in part.focus}
    return {
        (names[pair.first], names[pair.second])
        for pair in part.pairs
        if pair.first_is_better and pair.first in names and pair.second in names
    }
