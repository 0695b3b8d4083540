"""Describe how each optimizer was tuned: values tried, values chosen, and sensitivity."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from experiments.analysis.groups import SETTING, Curves, Group, varied
from experiments.analysis.statistics.sensitivity import Sensitivity, sensitivity
from experiments.analysis.values import by_seed, untrained
from experiments.runs.record import Record, Scalar
from experiments.training.metrics import SELECTION, default_metric, metric_named
from experiments.training.status import Status

_AVERAGES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
}


@dataclass(frozen=True)
class Tuning:
    """How one optimizer was tuned.

    Attributes
    ----------
    optimizer : str
        The name of the optimizer.
    trials : int
        The number of different settings tried.
    seeds : tuple of int
        The tuning seeds.
    searched : mapping of str to tuple of scalar
        The values tried for every hyperparameter that varied, sorted, by dotted name.
    chosen : mapping of str to scalar
        The values chosen, by dotted name; empty if the records contain no tuned run.
    at_edge : tuple of str
        The hyperparameters whose chosen value is the lowest or highest tried.
    """

    optimizer: str
    trials: int
    seeds: tuple[int, ...]
    searched: Mapping[str, tuple[Scalar, ...]]
    chosen: Mapping[str, Scalar]
    at_edge: tuple[str, ...]


def is_tuning(run: Record) -> bool:
    """Return whether a run serves to choose settings, rather than to report results."""
    return run.labels.get("stage") == "tuning"


def _by_optimizer(runs: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for run in runs:
        found.setdefault(run.choices.get("optimizer", ""), []).append(run)
    return found


def _settings(
    runs: Sequence[Record], keys: Sequence[str]
) -> dict[tuple[Scalar, ...], list[Record]]:
    found: dict[tuple[Scalar, ...], list[Record]] = {}
    for run in runs:
        flat = run.settings
        found.setdefault(tuple(flat.get(key) for key in keys), []).append(run)
    return found


def chosen(group: Group, tried: Sequence[Record]) -> dict[str, Scalar]:
    """Return a tuned group's values of the settings that varied between its tuning runs."""
    if group.runs[0].labels.get(SETTING) != "tuned":
        return {}
    mine = [run for run in tried if is_tuning(run) and run.choices == group.runs[0].choices]
    flat = group.runs[0].settings
    return {key: flat.get(key) for key in varied(mine)}


def tunings(groups: Sequence[Group], tried: Sequence[Record]) -> list[Tuning]:
    """Describe how each optimizer of one task was tuned.

    Parameters
    ----------
    groups : sequence of Group
        The groups of reporting runs.
    tried : sequence of Record
        The tuning runs.

    Returns
    -------
    list of Tuning
        The tuning of each optimizer.
    """
    result = []
    for optimizer, runs in _by_optimizer(tried).items():
        keys = varied(runs)
        settings = _settings(runs, keys)
        searched = {
            key: tuple(sorted({setting[i] for setting in settings}, key=_order))
            for i, key in enumerate(keys)
        }
        picked: dict[str, Scalar] = {}
        for group in groups:
            if group.optimizer == optimizer:
                picked = chosen(group, tried) or picked
        edge = tuple(
            key
            for key, value in picked.items()
            if len(searched.get(key, ())) > 2
            and isinstance(value, int | float)
            and value in (searched[key][0], searched[key][-1])
        )
        seeds = tuple(sorted({run.seed for run in runs}))
        result.append(Tuning(optimizer, len(settings), seeds, searched, picked, edge))
    return result


def selection_of(tried: Sequence[Record]) -> tuple[str, str]:
    """Return the validation metric and the average by which these runs choose settings.

    Runs that do not say so are taken to have used the defaults of tuning.
    """
    labels = tried[0].labels if tried else {}
    metric = labels.get("select", SELECTION)
    measured = {name for run in tried for name in run.summary}
    if metric not in measured:  # the last epoch is reported
        metric = metric.replace("best/", "final/")
    if metric not in measured:
        metric = default_metric(measured)
    return metric, labels.get("aggregate", "mean")


def sensitivities(
    tried: Sequence[Record], tolerance: float, read: Callable[[Record], Curves]
) -> list[Sensitivity]:
    """Compute each optimizer's sensitivity to every number that varied between runs of one task.

    It is measured as tuning chooses: by the validation metric and the average of `selection_of`. A
    setting with a tuning run that did not reach its end cannot be chosen.

    Parameters
    ----------
    tried : sequence of Record
        The tuning runs, or all runs if none are labelled.
    tolerance : float
        The share of the training gain that may be lost (see `statistics.sensitivity`).
    read : callable
        A function that reads the curves of a run.

    Returns
    -------
    list of Sensitivity
        The sensitivities, by optimizer and hyperparameter.
    """
    metric, average = selection_of(tried)
    higher = metric_named(metric).higher_is_better
    worst = -math.inf if higher else math.inf
    result = []
    for optimizer, runs in _by_optimizer(tried).items():
        keys = varied(runs)
        if not keys:
            continue
        members = [
            Group(tuple(keys), setting, tuple(own), read)
            for setting, own in _settings(runs, keys).items()
        ]
        curves = (pair for group in members for pair in group.curves.items())
        starts = [value for pair in curves if math.isfinite(value := untrained(*pair, metric))]
        if not starts:
            continue
        scored = []
        for group, values in zip(members, by_seed(members, metric), strict=True):
            missed = [worst for run in group.runs if is_tuning(run) and not run.status.ended_well]
            if values:
                found = list(values.values())
                reached = [values[run.seed] for run in group.finished if run.seed in values]
                counted = found if not missed else [*reached, *missed]
                scored.append((group, found, _AVERAGES[average](counted)))
        # Sorted best first, so that the first setting seen for a value is the best with it.
        scored.sort(key=lambda one: one[2] * (-1 if higher else 1))
        for place, key in enumerate(keys):
            best: dict[float, tuple[Group, list[float], float]] = {}
            for one in scored:
                tried_value = one[0].values[place]
                if isinstance(tried_value, int | float) and not isinstance(tried_value, bool):
                    best.setdefault(float(tried_value), one)
            if len(best) > 1:
                result.append(
                    sensitivity(
                        optimizer,
                        key,
                        metric,
                        {value: found for value, (_, found, _) in best.items()},
                        {value: middle for value, (_, _, middle) in best.items()},
                        average=average,
                        start=float(np.median(starts)),
                        higher=higher,
                        tolerance=tolerance,
                        diverged={
                            v: group.count(Status.DIVERGED) for v, (group, _, _) in best.items()
                        },
                    )
                )
    return result


def _order(value: Scalar) -> tuple[bool, float, str]:
    numeric = isinstance(value, int | float)
    return not numeric, float(value) if isinstance(value, int | float) else 0.0, str(value)
