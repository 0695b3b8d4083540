"""What a run measured: the number that a comparison takes from each record, the bad ones too.

**A diverged run counts.** Left out it would make its group look better than it is. Its loss is not
a number, so it gets the value of its own untrained network (that of epoch 0), or the worst value
that any other run of its seed ended with, if that is worse. For the best validation loss this is
the worst value possible, because the best of a run is never worse than its start; and with common
random numbers it is the same for every optimizer of one seed. Runs that failed or were
interrupted say nothing about the optimizer: they are left out, and the warnings say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from experiments.analysis.groups import FINISHED, Group
from experiments.analysis.statistics.area import area_under_curve
from experiments.runs.records import Record
from experiments.training.metrics import AREA, metric_named


def measured(run: Record, metric: str, last: float = 0.0) -> float:
    """Give a metric of one run; NaN where it was not measured or is not finite.

    Parameters
    ----------
    run
        Of any status.
    metric
        A name in the summary, such as `best/val_loss`, or `area/val_loss`: the area under the
        validation loss by epoch, over its width.
    last
        The epoch that the area ends at, where the run stopped before.
    """
    if metric == AREA:
        curves = run.metrics()
        if "val/loss" not in curves:
            return math.nan
        return area_under_curve(curves["epoch"].tolist(), curves["val/loss"].tolist(), last)
    value = run.summary.get(metric)
    return math.nan if value is None else float(value)


def untrained(run: Record, metric: str) -> float:
    """Give a metric's value before training; for a test metric validation's stands in."""
    curve = metric_named(metric).curve
    values = run.metrics().get(curve) if curve else None
    return float(values[0]) if values is not None and values.size else math.nan


def by_seed(groups: Sequence[Group], metric: str) -> list[dict[int, float]]:
    """Give each group's values of a metric by seed, diverged runs included.

    A seed that a group has several runs of counts once, with their mean.

    Parameters
    ----------
    groups
        Of one task: the worst value of a seed is looked for in all of them.
    metric
        As `measured` takes it.

    Returns
    -------
    list of (seed -> finite value)
        One a group, by seed; without the seeds that have no value.
    """
    runs = [run for group in groups for run in group.runs]
    last = _last_epoch(runs) if metric == AREA else 0.0
    described = metric_named(metric)
    pick = min if described.higher_is_better else max
    worst: dict[int, float] = {}
    if any(run.status == "diverged" for run in runs):
        for run in runs:
            value = measured(run, metric, last) if run.status in FINISHED else math.nan
            if math.isfinite(value):
                worst[run.seed] = pick(value, worst.get(run.seed, value))
    result = []
    for group in groups:
        values: dict[int, list[float]] = {}
        for run in group.runs:
            if run.status in FINISHED:
                value = measured(run, metric, last)
            elif run.status == "diverged" and described.curve is not None:
                # What is no quality, such as the time, counts against nobody.
                known = [untrained(run, metric), worst.get(run.seed, math.nan)]
                value = pick(filter(math.isfinite, known), default=math.nan)
            else:
                continue
            if math.isfinite(value):
                values.setdefault(run.seed, []).append(value)
        result.append({seed: math.fsum(found) / len(found) for seed, found in values.items()})
    return result


def _last_epoch(runs: Iterable[Record]) -> float:
    return max((float(run.metrics()["epoch"][-1]) for run in runs if run.status in FINISHED),
               default=0.0)  # fmt: skip
