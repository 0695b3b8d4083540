"""The standard error over rows: how much of a difference may be due to the rows of a part.

Seeds vary weights and batches, while all groups are measured on the same rows. The intervals over
seeds therefore say nothing about other rows of the same kind; the standard error over rows does.
For the test loss it comes from the losses of the rows, averaged over seeds and paired by row. For
an accuracy it is the binomial one of two independent sets of rows, which is on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.groups import Group
from experiments.analysis.pairs import Pair
from experiments.errors import RecordError
from experiments.runs.record import Record
from experiments.training.metrics import HEADLINE


@dataclass(frozen=True)
class FewRows:
    """Differences from the best group that are separated over seeds, but not over rows.

    Attributes
    ----------
    part : str
        The part of the dataset: `test` or `validation`.
    rows : int
        The number of its rows.
    pairs : tuple of Pair
        The pairs whose difference is less than twice its standard error over rows.
    error : float
        The standard error of the first pair's difference.
    """

    part: str
    rows: int
    pairs: tuple[Pair, ...]
    error: float


def too_few_rows(metric: str, best: Group, rivals: Iterable[tuple[Pair, Group]]) -> FewRows | None:
    """Find the separated rivals that the rows do not tell from the best group.

    The search ends at the first rival that they do tell, so that few records have to be read.

    Parameters
    ----------
    metric : str
        The metric of the comparison.
    best : Group
        The group with the best mean.
    rivals : iterable of (Pair, Group)
        The groups that are separated from it, with their pairs, the smallest difference first.

    Returns
    -------
    FewRows or None
        None if the rows tell the nearest rival, or nothing is known about them.
    """
    untold: list[Pair] = []
    first_error = math.nan
    for pair, rival in rivals:
        error = difference_error(metric, best, rival)
        if error is None or abs(pair.difference.value) >= 2 * error:
            break
        first_error = first_error if untold else error
        untold.append(pair)
    if not untold:
        return None
    part = _part(metric)
    return FewRows(part, _rows(best, part), tuple(untold), first_error)


def difference_error(metric: str, first: Group, second: Group) -> float | None:
    """Return the standard error over rows of the difference of two groups; None if unknown.

    It is unknown if the runs have different splits, whose rows the seeds then vary, and of records
    that lack what it is computed from.
    """
    runs = [run for group in (first, second) for run in group.finished]
    if not runs or len({run.dataset.get("digest") for run in runs}) > 1:
        return None
    if metric == HEADLINE:
        return _paired(first, second)
    if metric.endswith("accuracy"):
        return _binomial(metric, first, second)
    return None


def _paired(first: Group, second: Group) -> float | None:
    averages = []
    for group in (first, second):
        losses = [found for run in group.finished if (found := _test_losses(run)) is not None]
        if len(losses) < len(group.finished) or len({found.shape for found in losses}) != 1:
            return None
        averages.append(np.mean(losses, axis=0))
    one, other = averages
    if one.shape != other.shape or one.size < 2:
        return None
    return float((one - other).std(ddof=1) / math.sqrt(one.size))


def _test_losses(run: Record) -> NDArray[np.float64] | None:
    try:
        return run.test_losses()
    except RecordError:
        return None


def _binomial(metric: str, first: Group, second: Group) -> float | None:
    rows = _rows(first, _part(metric))
    variances = []
    for group in (first, second):
        shares = [share for run in group.finished if (share := run.summary.get(metric)) is not None]
        if not shares or not rows:
            return None
        share = math.fsum(shares) / len(shares)
        variances.append(share * (1 - share) / rows)
    return math.sqrt(sum(variances))


def _part(metric: str) -> str:
    return "test" if metric.startswith("test") else "validation"


def _rows(group: Group, part: str) -> int:
    rows = group.runs[0].dataset.get("rows") or {}
    return int(rows.get(part) or 0)
