"""The value that a comparison takes from each run, diverged runs included.

**A diverged run counts.** Leaving it out would make its group look better than it is. Its loss is
not a number, so it is given the value of its untrained network, or the worst value that any other
run of its seed ended with, if that is worse. With common random numbers the untrained network is
the same for every optimizer of one seed. A run that ended, but with a value that is not a number,
counts in the same way. Runs that failed or were interrupted say nothing about the optimizer; they
are left out, and a warning reports them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from experiments.analysis.groups import Curves, Group
from experiments.analysis.statistics.area import area_under_curve
from experiments.runs.record import Record
from experiments.training.metrics import AREA, metric_named
from experiments.training.status import Status


def measured(run: Record, curves: Curves, metric: str, last: float = 0.0) -> float:
    """Return a metric of one run; NaN if it was not measured or is not finite.

    Parameters
    ----------
    run : Record
        A run of any status.
    curves : Curves
        The curves of the run.
    metric : str
        A name in the summary, such as `best/val_loss`, or `area/val_loss`: the area under the
        validation loss by epoch, divided by the number of epochs.
    last : float, default 0.0
        The epoch at which the area ends, even if the run stopped earlier.

    Returns
    -------
    float
    """
    if metric == AREA:
        if "val/loss" not in curves:
            return math.nan
        return area_under_curve(curves["epoch"].tolist(), curves["val/loss"].tolist(), last)
    value = run.summary.get(metric)
    return math.nan if value is None else float(value)


def untrained(run: Record, curves: Curves, metric: str) -> float:
    """Return a metric's value before training.

    In a record of an older version, which lacks it for a test metric (see `stands_in`), the
    validation value stands in, or else the training value.
    """
    described = metric_named(metric)
    known = run.summary.get(described.untrained)
    if known is not None:
        return float(known)
    name = described.curve or ""
    values = curves.get(name, curves.get(name.replace("val/", "train/")))
    return float(values[0]) if values is not None and values.size else math.nan


def stands_in(run: Record, metric: str) -> bool:
    """Whether a value of another part stands in for the untrained network's test metric."""
    described = metric_named(metric)
    return bool(described.untrained) and run.summary.get(described.untrained) is None


def is_replaced(run: Record, metric: str) -> bool:
    """Whether a run counts with the value of its untrained network: its own is not a number."""
    return run.status is Status.DIVERGED or (metric in run.summary and run.summary[metric] is None)


def by_seed(groups: Sequence[Group], metric: str) -> list[dict[int, float]]:
    """Return each group's values of a metric by seed, diverged runs included.

    If a group has several runs of a seed, the seed has their mean.

    Parameters
    ----------
    groups : sequence of Group
        All groups of one task, among which the worst value of each seed is found.
    metric : str
        A metric as in `measured`.

    Returns
    -------
    list of dict of int to float
        The finite values of each group, by seed. Seeds without a value are absent.
    """
    described = metric_named(metric)
    pick = min if described.higher_is_better else max
    if metric != AREA and not any(metric in run.summary for one in groups for run in one.counted):
        return [{} for _ in groups]
    last = _last_epoch(groups) if metric == AREA else 0.0
    found = [[(run, _of(group, run, metric, last)) for run in group.counted] for group in groups]
    worst: dict[int, float] = {}
    for run, value in (pair for pairs in found for pair in pairs):
        if run.status.ended_well and math.isfinite(value):
            worst[run.seed] = pick(value, worst.get(run.seed, value))
    result = []
    for group, pairs in zip(groups, found, strict=True):
        values: dict[int, list[float]] = {}
        for run, value in pairs:
            if is_replaced(run, metric):
                # A metric without a curve, such as the time, is not affected by divergence.
                if described.curve is None:
                    continue
                known = [untrained(run, group.curves[run], metric), worst.get(run.seed, math.nan)]
                value = pick(filter(math.isfinite, known), default=math.nan)
            if math.isfinite(value):
                values.setdefault(run.seed, []).append(value)
        result.append({seed: math.fsum(own) / len(own) for seed, own in values.items()})
    return result


def ranked(groups: Sequence[Group], metric: str) -> list[Group]:
    """Rank the groups of one task by their means, best first; those without a value last."""
    sign = -1.0 if metric_named(metric).higher_is_better else 1.0
    means = [
        sign * math.fsum(values.values()) / len(values) if values else math.inf
        for values in by_seed(groups, metric)
    ]
    return [groups[place] for place in sorted(range(len(groups)), key=lambda i: (means[i], i))]


def _of(group: Group, run: Record, metric: str, last: float) -> float:
    # Reading curves takes time, so they are read only if the metric needs them.
    return measured(run, group.curves[run] if metric == AREA else {}, metric, last)


def _last_epoch(groups: Iterable[Group]) -> float:
    epochs = (group.curves[run]["epoch"] for group in groups for run in group.finished)
    return max((float(epoch[-1]) for epoch in epochs), default=0.0)
