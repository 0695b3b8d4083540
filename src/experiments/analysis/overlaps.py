"""How much the splits of different seeds overlap, if each seed has a separate split."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.analysis.groups import follow_their_seeds
from experiments.runs.record import Record


def overlap_of(runs: Sequence[Record], metric: str, seeds_of_a_study: int = 1) -> float:
    """Return the number of test rows over that of training rows; 0 if all seeds share a split.

    Parameters
    ----------
    runs : sequence of Record
        The runs of one task.
    metric : str
        The metric that is averaged, whose part of the data counts as the test rows.
    seeds_of_a_study : int, default 1
        The number of seeds whose mean is one value. The splits have as large a share of its
        variance as the seeds that are averaged away no longer have.

    Returns
    -------
    float
    """
    if len({run.dataset.get("digest") for run in runs}) < 2 or not follow_their_seeds(runs):
        return 0.0
    rows = runs[0].dataset.get("rows") or {}
    part = "test" if metric.startswith("test") and "test" in rows else "validation"
    measured, trained = rows.get(part) or 0, rows.get("train") or 0
    return seeds_of_a_study * measured / trained if trained else 0.0
