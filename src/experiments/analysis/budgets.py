"""Estimate what a comparison would have found with fewer trials, without training again.

For every budget of *k* trials, each optimizer has the expected result of the best of *k* of the
settings that were tried (see `statistics.expected_best`). Settings are chosen by validation, as
tuning does; the result is the metric of the comparison, of the tuning runs. A run that made the
network worse counts as the untrained one, which could have been kept. Optimizers are compared
at each budget over the tuning seeds, or over the studies if tuning was repeated. The verdicts hold
for the settings that were tried; at the full budget, the verdicts of the reporting runs, on
separate seeds, are what counts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.groups import Curves
from experiments.analysis.overlaps import overlap_of
from experiments.analysis.pairs import Pair, compare_pairs
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.expected_best import chances
from experiments.analysis.statistics.studentized import mean
from experiments.analysis.studies import study_of
from experiments.analysis.tuning import Trial, trials_of
from experiments.analysis.values import by_seed, untrained
from experiments.runs.record import Record
from experiments.training.metrics import metric_named


@dataclass(frozen=True)
class Budget:
    """The comparison with a budget of trials.

    Attributes
    ----------
    trials : int
        The number of trials of each optimizer.
    expected : mapping of str to Estimate
        The expected result of each optimizer's best trial, with its 95% interval; the best first.
    pairs : tuple of Pair
        The comparisons of every two optimizers.
    """

    trials: int
    expected: Mapping[str, Estimate]
    pairs: tuple[Pair, ...]

    def behind(self, optimizer: str) -> set[str]:
        """Return the optimizers that are surely worse than one."""
        won = [pair for pair in self.pairs if pair.better == optimizer]
        return {name for pair in won for name in (pair.first, pair.second)} - {optimizer}


def budgets(
    tried: Sequence[Record],
    read: Callable[[Record], Curves],
    metric: str,
    margin: float | None = None,
) -> list[Budget]:
    """Compare optimizers at every budget that all of them had.

    Parameters
    ----------
    tried : sequence of Record
        The tuning runs of one task.
    read : callable
        A function that reads the curves of a run.
    metric : str
        The metric of the comparison.
    margin : float, optional
        The smallest difference of it that matters.

    Returns
    -------
    list of Budget
        The budgets from one trial on; empty if an optimizer has no or a single setting with
        results on every seed.
    """
    ranked = _ranked(tried, read, metric)
    most = min((len(own) for trials in ranked.values() for own in trials), default=0)
    if most < 2:
        return []
    higher = metric_named(metric).higher_is_better
    least, top = metric_named(metric).range
    studies = {study_of(run) for run in tried}
    seeds = len({run.seed for run in tried}) // len(studies)
    overlap = overlap_of(tried, metric, seeds if len(studies) > 1 else 1)
    found = []
    for budget in range(1, most + 1):
        values = {optimizer: _expected(own, budget) for optimizer, own in ranked.items()}
        estimates = {
            optimizer: mean(list(own.values()), overlap).sample_interval().within(least, top)
            for optimizer, own in values.items()
        }
        order = sorted(estimates, key=lambda one: estimates[one].value * (-1 if higher else 1))
        pairs = compare_pairs(values, metric=metric, higher=higher, margin=margin, overlap=overlap)
        found.append(Budget(budget, {one: estimates[one] for one in order}, tuple(pairs)))
    return found


Results = Sequence[Mapping[int, float]]
"""The results of settings by seed, the setting that validation prefers first."""


def _ranked(
    tried: Sequence[Record], read: Callable[[Record], Curves], metric: str
) -> dict[str, list[Results]]:
    """Return the results of each optimizer's settings, in each study."""
    found: dict[str, list[Results]] = {}
    for study in sorted({study_of(run) for run in tried}):
        trials = trials_of([run for run in tried if study_of(run) == study], read)
        flat = [trial for own in trials.values() for trial in own]
        results = dict(zip(flat, by_seed([one.group for one in flat], metric), strict=True))
        for optimizer, own in trials.items():
            complete = [
                _limited(trial, results[trial], metric)
                for trial in own
                if {run.seed for run in trial.group.runs} == results[trial].keys()
            ]
            found.setdefault(optimizer, []).append(complete)
    return found


def _limited(trial: Trial, values: Mapping[int, float], metric: str) -> dict[int, float]:
    """Replace results that are worse than those of the untrained network by these."""
    pick = max if metric_named(metric).higher_is_better else min
    starts = {
        run.seed: untrained(run, curves, metric) for run, curves in trial.group.curves.items()
    }
    return {
        seed: pick(value, start) if math.isfinite(start := starts[seed]) else value
        for seed, value in values.items()
    }


def _expected(studies: Sequence[Results], budget: int) -> dict[int, float]:
    """Return the expected best of a budget on each seed or, of several studies, in each study."""
    by_study = []
    for results in studies:
        weights = chances(len(results), budget).tolist()
        seeds = set.intersection(*(set(values) for values in results))
        by_study.append(
            {
                seed: sum(w * values[seed] for w, values in zip(weights, results, strict=True))
                for seed in sorted(seeds)
            }
        )
    if len(by_study) == 1:
        return by_study[0]
    return {study: statistics.fmean(own.values()) for study, own in enumerate(by_study)}
