"""Describe how each optimizer was tuned: values tried, values chosen, and sensitivity."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from experiments.analysis.groups import SETTING, Curves, Group, varied
from experiments.analysis.statistics.sensitivity import Sensitivity, sensitivity
from experiments.analysis.studies import study_of
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
        The number of different settings tried; of several studies, in each.
    seeds : tuple of int
        The tuning seeds; of several studies, those of the first.
    searched : mapping of str to tuple of scalar
        The values tried for every hyperparameter that varied, sorted, by dotted name.
    chosen : mapping of str to scalar
        The values chosen, by dotted name; empty if the records contain no tuned run.
    at_edge : tuple of str
        The hyperparameters whose chosen value is the lowest (unless 0) or highest tried.
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
    """Return a tuned group's values of the settings that varied between its tuning runs.

    If several studies have chosen different values, it is their lower median, or the first of
    values that are no numbers.
    """
    if group.runs[0].labels.get(SETTING) != "tuned":
        return {}
    mine = [run for run in tried if is_tuning(run) and run.choices == group.runs[0].choices]
    winners = {study_of(run): run.settings for run in group.runs}
    return {key: _middle([flat.get(key) for flat in winners.values()]) for key in varied(mine)}


def _middle(values: Sequence[Scalar]) -> Scalar:
    return sorted(values, key=_order)[(len(values) - 1) // 2]


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
        picked: dict[str, Scalar] = {}
        winners: dict[str, Record] = {}
        for group in groups:
            if group.optimizer == optimizer and (own := chosen(group, tried)):
                picked = own
                winners = {study_of(run): run for run in group.runs}
        studies: dict[str, list[Record]] = {}
        for run in runs:
            studies.setdefault(study_of(run), []).append(run)
        edge = {
            key
            for study, own in studies.items()
            if study in winners
            for key in _edges(_searched(own, keys), winners[study].settings)
        }
        first = next(iter(studies.values()))
        result.append(
            Tuning(
                optimizer,
                max(len(_settings(own, keys)) for own in studies.values()),
                tuple(sorted({run.seed for run in first})),
                _searched(runs, keys),
                picked,
                tuple(key for key in picked if key in edge),
            )
        )
    return result


def _searched(runs: Sequence[Record], keys: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
    return {key: tuple(sorted({run.settings.get(key) for run in runs}, key=_order)) for key in keys}


def _edges(searched: Mapping[str, Sequence[Scalar]], chosen: Mapping[str, Scalar]) -> Iterator[str]:
    """Name the settings whose chosen number is the lowest or highest of more than two tried."""
    for key, values in searched.items():
        value = chosen.get(key)
        ends = {values[0], values[-1]} - {0}  # nothing lies beyond 0
        if len(values) > 2 and isinstance(value, int | float) and value in ends:
            yield key


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


@dataclass(frozen=True, eq=False)
class Trial:
    """One setting of an optimizer that was tried.

    Attributes
    ----------
    group : Group
        The runs with the setting; the keys are what varied between the trials.
    results : tuple of float
        The values of the metric by which settings are chosen, one for each seed.
    score : float
        Their average, which is infinitely bad if a tuning run did not reach its end.
    """

    group: Group
    results: tuple[float, ...]
    score: float


def trials_of(tried: Sequence[Record], read: Callable[[Record], Curves]) -> dict[str, list[Trial]]:
    """Score the settings of each optimizer as tuning does, the best first.

    Parameters
    ----------
    tried : sequence of Record
        The tuning runs of one task, or all runs if none are labelled.
    read : callable
        A function that reads the curves of a run.

    Returns
    -------
    dict of str to list of Trial
        The trials with results; optimizers of which nothing varied are left out.
    """
    metric, average = selection_of(tried)
    sign = -1 if metric_named(metric).higher_is_better else 1
    result = {}
    for optimizer, runs in _by_optimizer(tried).items():
        keys = varied(runs)
        if not keys:
            continue
        members = [
            Group(tuple(keys), setting, tuple(own), read)
            for setting, own in _settings(runs, keys).items()
        ]
        trials = []
        for group, values in zip(members, by_seed(members, metric), strict=True):
            missed = [r for r in group.runs if is_tuning(r) and not r.status.ended_well]
            if values:
                found = tuple(values.values())
                reached = [values[run.seed] for run in group.finished if run.seed in values]
                counted = [*reached, *(sign * math.inf for _ in missed)] if missed else found
                trials.append(Trial(group, found, _AVERAGES[average](counted)))
        result[optimizer] = sorted(trials, key=lambda trial: sign * trial.score)
    return result


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
    result = []
    for optimizer, trials in trials_of(tried, read).items():
        curves = (pair for trial in trials for pair in trial.group.curves.items())
        starts = [value for pair in curves if math.isfinite(value := untrained(*pair, metric))]
        if not starts:
            continue
        for place, key in enumerate(trials[0].group.by):
            best: dict[float, Trial] = {}
            for trial in trials:  # the first trial with a value is the best with it
                tried_value = trial.group.values[place]
                if isinstance(tried_value, int | float) and not isinstance(tried_value, bool):
                    best.setdefault(float(tried_value), trial)
            if len(best) > 1:
                result.append(
                    sensitivity(
                        optimizer,
                        key,
                        metric,
                        {value: trial.results for value, trial in best.items()},
                        {value: trial.score for value, trial in best.items()},
                        average=average,
                        start=float(np.median(starts)),
                        higher=higher,
                        tolerance=tolerance,
                        diverged={
                            v: trial.group.count(Status.DIVERGED) for v, trial in best.items()
                        },
                    )
                )
    return result


def _order(value: Scalar) -> tuple[bool, float, str]:
    numeric = isinstance(value, int | float)
    return not numeric, float(value) if isinstance(value, int | float) else 0.0, str(value)
