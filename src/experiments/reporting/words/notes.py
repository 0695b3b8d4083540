"""The notes below tables: what a kind of column shows. A table has the notes of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from experiments.analysis.study import Part
from experiments.reporting.words.formatting import compact, span

IQM: Final = "IQM is the interquartile mean."
MEDIAN_EPOCH: Final = "Epochs are medians."
STEP_TIME: Final = (
    "µs/step is the time of a step (the passes and the update) of one run that trains alone, after "
    "compiling."
)
MEDIAN_STUDY: Final = "Studies repeat the whole tuning; beside their mean stands the median study."


def differences(part: Part) -> str:
    """Explain the column of differences."""
    return (
        "A difference is the first group minus the second. Differences are paired by "
        f"{'study' if part.studies else 'seed'}; their intervals, corrected for all pairs by "
        "Holm's method, exclude zero if two groups are separated."
    )


def wins(part: Part) -> str:
    """Explain the column of wins."""
    return f"Wins: the share of {part.units} on which the first group does better."


def needed(part: Part) -> str:
    """Explain the column of the seeds needed."""
    return (
        f"{part.units.capitalize()} needed: the number that would settle the pair with a power of "
        "80%, at this difference."
    )


def margin(part: Part) -> list[str]:
    """Explain the verdicts of a comparison with a margin; nothing without one."""
    if part.margin is None:
        return []
    equivalent = (
        "Equivalent: two one-sided tests, corrected likewise, show that less than the margin of "
        f"{compact(part.margin)} lies between two groups. Undecided: neither is shown."
    )
    return [equivalent]


def time_to_target(counted: str) -> str:
    """Say what a time to the target is, counted in epochs or gradients."""
    return (
        f"{counted.capitalize()} to the target are medians with 95% intervals; never: not reached."
    )


def means(seeds: Sequence[int], spread: str, units: str = "seeds") -> str:
    """Explain the column of a mean.

    Parameters
    ----------
    seeds : sequence of int
        The number of seeds of each group.
    spread : str
        The words for the number beside the mean, such as `± standard deviation`.
    units : {"seeds", "studies"}, default "seeds"
        The units over which the mean is taken.
    """
    if max(seeds, default=0) < 2:
        return "With one seed, the spread is unknown."
    return f"Mean {spread} over {span(seeds)} {units}."
