"""A whole comparison as plain data: everything that a report tells, worked out once.

`analyse` makes a `Study` of records. Terminal, tables, pictures and report only show it, so they
cannot contradict one another.
"""

from __future__ import annotations

import difflib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from experiments.analysis.groups import (
    FINISHED,
    SETTING,
    TASK,
    Group,
    distinct,
    group_runs,
    labels,
    scopes,
)
from experiments.analysis.pairs import MOST_COMPARED, Pair, compare_pairs
from experiments.analysis.statistics import divergence
from experiments.analysis.statistics.divergence import Divergences
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.interquartile import interquartile_mean
from experiments.analysis.statistics.median import median
from experiments.analysis.statistics.profiles import Profile, performance_profiles
from experiments.analysis.statistics.sensitivity import Sensitivity
from experiments.analysis.statistics.studentized import Studentized, mean, studentize
from experiments.analysis.statistics.time_to_target import TimeToTarget, ranks
from experiments.analysis.targets import Target, choose_target, times_to
from experiments.analysis.tuning import Tuning, chosen, is_tuning, sensitivities, tunings
from experiments.analysis.values import by_seed, untrained
from experiments.errors import ConfigError
from experiments.reporting.words.conclusions import conclude, scope_names
from experiments.reporting.words.limits import left_out, overall_warnings, part_warnings
from experiments.runs.records import Record, Scalar
from experiments.training.metrics import AREA, COMPARED, SELECTION, metric_named

TIME: Final = "epochs to the target"

_MACHINE: Final = ("platform", "cpu", "cpu_count", "threads")


@dataclass(frozen=True)
class Summary:
    """One metric of one group over its seeds.

    Attributes
    ----------
    metric
        Its name.
    seeds, values
        By seed. A diverged run has the value of its untrained network (see `measuring`).
    diverged
        The seeds whose value is such a substitute.
    mean, iqm, median
        With their 95% intervals; the mean's and interquartile mean's are `statistics.studentized`,
        the median's comes from order statistics.
    sd
        Sample standard deviation; NaN for one seed.
    best
        The best seed's value.
    """

    metric: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    diverged: frozenset[int]
    mean: Estimate
    sd: float
    iqm: Estimate
    median: Estimate
    best: float


@dataclass(frozen=True)
class Entry:
    """One group of a part: what is compared.

    Attributes
    ----------
    label
        For people: `adam (tuned, lr 0.003)`. Different for every entry of a part.
    name
        Without what tuning chose, and so the same for every dataset: `adam (tuned)`.
    optimizer
        The optimizer's choice, which decides the colour.
    setting
        `tuned`, `default`, or empty where the runs are not labelled.
    tuned
        What tuning chose, by short name: `{"lr": 0.003}`; empty for others.
    group
        The runs, whatever their status.
    seeds
        Of the runs that count: finished and diverged.
    metrics
        By name: the metric that ranks, then those of `COMPARED` that were measured.
    divergences
        How many runs went wrong.
    times
        By unit (`epoch`, `step`, `seconds`); empty without a target. Seconds are those of the
        training steps alone.
    """

    label: str
    name: str
    optimizer: str
    setting: str
    tuned: Mapping[str, Scalar]
    group: Group
    seeds: tuple[int, ...]
    metrics: Mapping[str, Summary]
    divergences: Divergences
    times: Mapping[str, TimeToTarget]


@dataclass(frozen=True)
class Part:
    """The comparison on one task (dataset and loss).

    Attributes
    ----------
    name
        `digits`.
    metric, higher
        What ranks and separates, and whether it is better when higher.
    entries
        Ranked by the metric's mean, best first; those without a value last.
    pairs
        Every two entries by the metric, in that order (of the best `MOST_COMPARED`).
    target
        None where nothing was measured.
    time_pairs
        Every two entries by the epochs to the target. Their differences are of *ranks* (1 is
        the fastest run of all), which makes misses comparable.
    tuning, sensitivities
        Of the tuning runs; of all runs where none are labelled. Empty where nothing varied.
    records
        All distinct runs, tuning and reporting.
    warnings
        What limits the conclusions, in words.
    conclusion
        What they are, in words.
    """

    name: str
    metric: str
    higher: bool
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    target: Target | None
    time_pairs: tuple[Pair, ...]
    tuning: tuple[Tuning, ...]
    sensitivities: tuple[Sensitivity, ...]
    records: tuple[Record, ...]
    warnings: tuple[str, ...] = ()
    conclusion: str = ""


@dataclass(frozen=True)
class Overall:
    """One group across all datasets.

    Attributes
    ----------
    label
        Without what tuning chose, which differs between datasets: `adam (tuned)`.
    score
        Mean over datasets of the metric, scaled so that the untrained network has 0 and the best
        group's mean 1, with its interval stratified over datasets.
    ranks
        The rank of its mean on each dataset, in the order of the parts.
    """

    label: str
    optimizer: str
    score: Estimate
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Study:
    """A whole comparison.

    Attributes
    ----------
    metric
        What selects, ranks and separates.
    parts
        One a task.
    overall, profiles
        Across datasets; empty where there is one. Those groups only that every dataset has.
    tuning_seeds, reporting_seeds
        Sorted. Without labels all seeds are reporting seeds.
    commands
        The command lines that made the runs, each once.
    versions
        Different versions of the code and libraries by name, such as `commit`.
    conclusion
        In words: one sentence or more a part, and what holds across them.
    warnings
        Of all parts and of the study, each once.
    """

    metric: str
    parts: tuple[Part, ...]
    overall: tuple[Overall, ...]
    profiles: tuple[Profile, ...]
    tuning_seeds: tuple[int, ...]
    reporting_seeds: tuple[int, ...]
    commands: tuple[str, ...]
    versions: Mapping[str, tuple[str, ...]]
    conclusion: tuple[str, ...]
    warnings: tuple[str, ...]


def analyse(
    records: Iterable[Record],
    *,
    by: Sequence[str] | None = None,
    metric: str = SELECTION,
    target: float | None = None,
    tolerance: float = 0.05,
) -> Study:
    """Compare runs.

    Runs labelled `stage: tuning` feed sensitivity and selection alone, all others the
    conclusions. The label `setting` (`tuned`, `default`) groups them beside the grouping keys.

    Parameters
    ----------
    records
        Runs of any status; repeats of one run, by whatever code, are counted once.
    by
        Grouping keys; by default the optimizer and whatever was varied (see `groups`).
    metric
        What ranks and separates: a metric of the summary, or `area/val_loss`.
    target
        For the time to it: a validation accuracy or R², or a validation loss where neither was
        measured. By default, on each task, the median best validation score of the best tuned
        group (of the best group where none is tuned).
    tolerance
        Of the sensitivity's width: share of what training gained that may be lost.

    Returns
    -------
    Study

    Raises
    ------
    ConfigError
        Where there are no records, no run has a grouping key, or none measured the metric.
    """
    records = list(records)
    runs = distinct(records)
    reporting = [run for run in runs if not is_tuning(run)] or runs
    tuning = [run for run in runs if is_tuning(run)] or runs
    groups = group_runs(reporting, by)
    _check(metric, groups)
    parts = []
    divided = scopes(groups)
    for part, name in zip(divided, scope_names(divided), strict=True):
        tried = [run for run in tuning if _task(run) == _task(part[0].runs[0])]
        task = name or part[0].runs[0].choices.get("dataset", "")
        parts.append(_part(task, part, tried, metric, target, tolerance))
    overall = _overall(parts)
    about_all = [*left_out(records), *overall_warnings(runs)]
    warnings = [*about_all, *(text for part in parts for text in part.warnings)]
    labelled = reporting != runs
    versions: dict[str, set[str]] = {}
    for run in runs:
        for key, version in run.environment.items():
            if key not in _MACHINE:
                versions.setdefault(key, set()).add(str(version))
    return Study(
        metric,
        tuple(parts),
        tuple(overall),
        tuple(_profiles(parts)) if overall else (),
        tuple(sorted({run.seed for run in tuning})) if labelled else (),
        tuple(sorted({run.seed for run in reporting})),
        tuple(dict.fromkeys(run.command for run in runs if run.command)),
        {key: tuple(sorted(found)) for key, found in versions.items()},
        tuple(part.conclusion for part in parts),
        tuple(dict.fromkeys(warnings)),
    )


def _part(
    task: str,
    groups: Sequence[Group],
    tried: Sequence[Record],
    metric: str,
    target: float | None,
    tolerance: float,
) -> Part:
    """Compare the groups of one task; `tried` are the runs that tuning saw."""
    higher = metric_named(metric).higher_is_better
    groups = _ranked(groups, metric)
    shown = [
        {key.rsplit(".", 1)[-1]: value for key, value in chosen(group, tried).items()}
        for group in groups
    ]
    names, summaries = labels(groups, shown), _summaries(groups, metric)
    aim = choose_target(groups, names, target)
    entries = []
    for group, label, name, tuned, found in zip(
        groups, names, labels(groups), shown, summaries, strict=True
    ):
        counted = [run for run in group.runs if run.status in (*FINISHED, "diverged")]
        entries.append(
            Entry(
                label,
                name,
                group.optimizer,
                group.runs[0].labels.get(SETTING, ""),
                tuned,
                group,
                tuple(sorted({run.seed for run in counted})),
                found,
                divergence.count(_way(run) for run in counted),
                {} if aim is None else times_to(aim, counted),
            )
        )
    values = {
        entry.label: dict(
            zip(entry.metrics[metric].seeds, entry.metrics[metric].values, strict=True)
        )
        for entry in entries[:MOST_COMPARED]
        if metric in entry.metrics
    }
    part = Part(
        task,
        metric,
        higher,
        tuple(entries),
        tuple(compare_pairs(values, metric=metric, higher=higher)),
        aim,
        tuple(_time_pairs(entries[:MOST_COMPARED])),
        tuple(tunings(groups, tried)) if any(map(is_tuning, tried)) else (),
        tuple(sensitivities(tried, metric, tolerance)),
        tuple(dict.fromkeys([*tried, *(run for group in groups for run in group.runs)])),
    )
    return replace(part, warnings=tuple(part_warnings(part)), conclusion=conclude(part))


def _summaries(groups: Sequence[Group], ranking: str) -> list[dict[str, Summary]]:
    found: list[dict[str, Summary]] = [{} for _ in groups]
    for metric in dict.fromkeys([ranking, *COMPARED]):
        for place, values in enumerate(by_seed(groups, metric)):
            if values:
                diverged = {run.seed for run in groups[place].runs if run.status == "diverged"}
                found[place][metric] = _summary(metric, values, diverged)
    return found


def _summary(metric: str, values: Mapping[int, float], diverged: Iterable[int]) -> Summary:
    numbers = list(values.values())
    return Summary(
        metric,
        tuple(values),
        tuple(numbers),
        frozenset(diverged) & values.keys(),
        _interval(mean(numbers)),
        statistics.stdev(numbers) if len(numbers) > 1 else math.nan,
        _interval(interquartile_mean(numbers)),
        median(numbers),
        (max if metric_named(metric).higher_is_better else min)(numbers),
    )


def _interval(estimated: Studentized) -> Estimate:
    """Give the 95% interval; seeds that all agree have one without width."""
    if estimated.count > 1 and estimated.error == 0:
        return Estimate(estimated.value, estimated.value, estimated.value)
    return estimated.interval()


def _ranked(groups: Sequence[Group], metric: str) -> list[Group]:
    sign = -1.0 if metric_named(metric).higher_is_better else 1.0
    means = [
        sign * math.fsum(values.values()) / len(values) if values else math.inf
        for values in by_seed(groups, metric)
    ]
    return [groups[place] for place in sorted(range(len(groups)), key=lambda i: (means[i], i))]


def _task(run: Record) -> tuple[str | None, ...]:
    return run.choices.get("dataset"), run.choices.get("loss"), run.labels.get(TASK)


def _time_pairs(entries: Sequence[Entry]) -> list[Pair]:
    timed = [entry for entry in entries if "epoch" in entry.times]
    ranked = ranks([entry.times["epoch"].times for entry in timed])
    values = {
        entry.label: dict(zip(entry.times["epoch"].seeds, found, strict=True))
        for entry, found in zip(timed, ranked, strict=True)
    }
    return compare_pairs(values, metric=TIME)


def _way(run: Record) -> str | None:
    columns = run.metrics()
    losses = columns.get("val/loss", np.empty(0))
    score, chance = None, None
    if run.summary.get("best/val_accuracy") is not None:
        score = run.summary["best/val_accuracy"]
        classes = int(run.dataset.get("outputs") or 0)
        rows = int((run.dataset.get("rows") or {}).get("validation") or 0)
        if classes > 1 and run.dataset.get("task") in ("binary", "multiclass"):
            chance = divergence.chance_accuracy(classes, rows)
    elif run.summary.get("best/val_r2") is not None:
        score, chance = run.summary["best/val_r2"], 0.0
    return divergence.classify(
        finite=run.status != "diverged",
        start=float(losses[0]) if losses.size else None,
        end=float(losses[-1]) if losses.size else None,
        score=score,
        chance=chance,
    )


# ---- across datasets


def _overall(parts: Sequence[Part]) -> list[Overall]:
    """Compare the groups that every dataset has; nothing where there is only one dataset."""
    if len(parts) < 2:
        return []
    placed = [{entry.name: entry for entry in part.entries} for part in parts]
    common = [name for name in placed[0] if all(name in part for part in placed)]
    samples: dict[str, list[list[float]]] = {name: [] for name in common}
    for part, found in zip(parts, placed, strict=True):
        scores = _scaled(part, [found[name] for name in common])
        for name, values in zip(common, scores, strict=True):
            samples[name].append(values)
    result = []
    for name in common:
        if all(samples[name]):
            score = _interval(studentize(samples[name], [1 / len(parts)] * len(parts)))
            ranked = tuple(
                part.entries.index(found[name]) + 1
                for part, found in zip(parts, placed, strict=True)
            )
            result.append(Overall(name, placed[0][name].optimizer, score, ranked))
    return sorted(result, key=lambda one: -one.score.value)


def _scaled(part: Part, entries: Sequence[Entry]) -> list[list[float]]:
    """Scale the metric: 0 for the untrained network, 1 for the best group's mean."""
    starts = [value for run in part.records if math.isfinite(value := untrained(run, part.metric))]
    having = [entry for entry in part.entries if part.metric in entry.metrics]
    if not starts or not having:
        return [[] for _ in entries]
    start = float(np.median(starts))
    gain = having[0].metrics[part.metric].mean.value - start
    return [
        [(value - start) / gain for value in entry.metrics[part.metric].values]
        if part.metric in entry.metrics and gain
        else []
        for entry in entries
    ]


def _profiles(parts: Sequence[Part]) -> list[Profile]:
    times: dict[str, dict[str, dict[int, float]]] = {}
    for part in parts:
        for entry in part.entries:
            if "epoch" in entry.times:
                found = entry.times["epoch"]
                times.setdefault(entry.name, {})[part.name] = dict(
                    zip(found.seeds, found.times, strict=True)
                )
    complete = {label: found for label, found in times.items() if len(found) == len(parts)}
    return performance_profiles(complete) if complete else []


# ---- shared


def _check(metric: str, groups: Sequence[Group]) -> None:
    if metric == AREA or any(metric in run.summary for group in groups for run in group.runs):
        return
    known = sorted({name for group in groups for run in group.runs for name in run.summary})
    if not known:
        return  # no run has measured anything: the conclusion says so
    near = difflib.get_close_matches(metric, [*known, AREA], n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else f"Choose one of {', '.join([*known, AREA])}."
    raise ConfigError(f"Cannot compare by {metric!r}: no run has measured it. {hint}")
