"""Build a `Study`, the whole comparison, from the records of runs."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Final

import numpy as np

from experiments.analysis.budgets import budgets
from experiments.analysis.diagnosis import diagnose
from experiments.analysis.groups import (
    DATA,
    LOOKS,
    SETTING,
    TASK,
    Curves,
    Group,
    counts_gradients,
    distinct,
    group_runs,
    labels,
    scope_names,
    scopes,
    superseded,
)
from experiments.analysis.overlaps import overlap_of
from experiments.analysis.pairs import MOST_COMPARED, Pair, compare_pairs
from experiments.analysis.rows import FewRows, too_few_rows
from experiments.analysis.statistics import divergence
from experiments.analysis.statistics.profiles import Profile, performance_profiles
from experiments.analysis.statistics.studentized import studentize
from experiments.analysis.statistics.time_to_target import ranks
from experiments.analysis.studies import means_of_studies, studies_by_seed
from experiments.analysis.study import TIME, Entry, Overall, Part, Sample, Study, clock_of, in_focus
from experiments.analysis.targets import choose_target, times_to
from experiments.analysis.tuning import chosen, is_tuning, sensitivities, trials_of, tunings
from experiments.analysis.validation import Disagreement, disagreement
from experiments.analysis.values import by_seed, is_replaced, ranked, stands_in, untrained
from experiments.errors import ConfigError
from experiments.files.masking import mask_secrets
from experiments.runs.record import Record
from experiments.training.metrics import (
    AREA,
    HEADLINE,
    SELECTION,
    check_margin,
    compared,
    default_metric,
    metric_named,
    validation_counterparts,
)
from experiments.training.status import Status

_MACHINE: Final = ("platform", "cpu", "cpu_count", "threads")


def analyse(
    records: Iterable[Record],
    *,
    by: Sequence[str] | None = None,
    metric: str | None = None,
    target: float | None = None,
    margin: float | None = None,
    tolerance: float = 0.05,
) -> Study:
    """Compare runs.

    Runs labelled `stage: tuning` are used for sensitivity and selection only; all other runs
    are used for the conclusions. The label `setting` (`tuned`, `default`) acts as an additional
    grouping key.

    Parameters
    ----------
    records : iterable of Record
        Runs of any status. Repeats of a run count once, even if different code produced them.
    by : sequence of str, optional
        Grouping keys; by default the optimizer and everything that was varied (see `groups`).
    metric : str, optional
        The metric that ranks and separates groups: one in the summary, or `area/val_loss`. By
        default that which the runs ask for (`comparison.metric`), or else on each task the test
        loss or what stands in for it (see
        :func:`~experiments.training.metrics.default_metric`).
    target : float, optional
        The target whose time is measured: a validation accuracy or R², or a validation loss if
        neither was measured. By default, on each task, the median best validation score of the
        best tuned group (of the best group if none is tuned).
    margin : float, optional
        The smallest difference of the metric that matters, which lets groups be equivalent; by
        default that which the runs ask for (`comparison.margin`), if all ask for the same.
    tolerance : float, default 0.05
        The share of the training gain that may be lost within the width of a sensitivity.

    Returns
    -------
    Study

    Raises
    ------
    ConfigError
        If there are no records, no run has a grouping key, no run measured the metric, or the
        margin is not a possible difference of it.
    """
    records = list(records)
    runs, older = distinct(records), superseded(records)
    reporting = [run for run in runs if not is_tuning(run)] or runs
    tuning = [run for run in runs if is_tuning(run)] or runs
    groups = group_runs(reporting, by)
    if metric is not None:
        _check(metric, groups)
    parts = []
    divided = scopes(groups)
    for part, name in zip(divided, scope_names(divided), strict=True):
        tried = [run for run in tuning if _same_task(run, part[0])]
        parts.append(_part(name, part, tried, metric, target, margin, tolerance))
    overall = _overall(parts)
    labelled = reporting != runs
    versions: dict[str, set[str]] = {}
    for run in runs:
        for key, version in run.environment.items():
            if key not in _MACHINE:
                versions.setdefault(key, set()).add(str(version))
    return Study(
        tuple(parts),
        tuple(overall),
        tuple(_profiles(parts)) if overall else (),
        tuple(sorted({run.seed for run in tuning})) if labelled else (),
        tuple(sorted({run.seed for run in reporting})),
        tuple(dict.fromkeys(mask_secrets(run.command) for run in runs if run.command)),
        {key: tuple(sorted(found)) for key, found in versions.items()},
        Counter(run.blas_cores for run in runs if run.blas_cores),
        len(records) - len({run.uid for run in runs}) - len(older),
        len(older),
    )


def _part(
    task: str,
    groups: Sequence[Group],
    tried: Sequence[Record],
    wanted: str | None,
    target: float | None,
    margin: float | None,
    tolerance: float,
) -> Part:
    """Compare the groups of one task; `tried` holds the runs that tuning used."""
    asked = wanted or _asked(groups)
    metric = wanted or (asked if asked in measured(groups) else metric_of(groups))
    higher = metric_named(metric).higher_is_better
    margin = _asked_margin(groups) if margin is None else margin
    if margin is not None:
        check_margin(margin, metric)
    groups = ranked(groups, metric)
    shown = [
        {key.rsplit(".", 1)[-1]: value for key, value in chosen(group, tried).items()}
        for group in groups
    ]
    studies = studies_by_seed(run for group in groups for run in group.runs)
    looks = max(int(run.labels.get(LOOKS, 1)) for group in groups for run in group.runs)
    overlap = partial(
        overlap_of,
        [run for group in groups for run in group.runs],
        seeds_of_a_study=len(studies) // max(1, len(set(studies.values()))) or 1,
    )
    names, samples = labels(groups, shown), _samples(groups, metric, studies, overlap)
    aim = choose_target(groups, names, target)
    gradients = any(counts_gradients(group.curves.values()) for group in groups)
    entries = []
    for group, label, name, base, tuned, found in zip(
        groups, names, labels(groups), labels(groups, setting=False), shown, samples, strict=True
    ):
        entries.append(
            Entry(
                label,
                name,
                base,
                group.optimizer,
                group.runs[0].labels.get(SETTING, ""),
                tuned,
                group,
                tuple(sorted({run.seed for run in group.counted})),
                found,
                divergence.count(_way(run, group.curves[run]) for run in group.counted),
                {} if aim is None else times_to(aim, group, gradients=gradients),
            )
        )
    values = {
        entry.label: dict(
            zip(entry.metrics[metric].seeds, entry.metrics[metric].values, strict=True)
        )
        for entry in entries
        if metric in entry.metrics
    }
    focus = in_focus(entries, metric)
    compared = _to_compare(entries, focus)
    pairs = tuple(
        compare_pairs(
            values,
            metric=metric,
            only=compared,
            higher=higher,
            margin=margin,
            overlap=overlap(metric),
            looks=looks,
        )
    )
    return Part(
        task,
        metric,
        asked,
        higher,
        margin,
        tuple(entries),
        pairs,
        aim,
        tuple(_time_pairs(entries, compared, studies, overlap(SELECTION), looks)),
        tuple(tunings(groups, tried)) if any(map(is_tuning, tried)) else (),
        tuple(budgets(tried, groups[0].read, metric, margin)) if any(map(is_tuning, tried)) else (),
        tuple(sensitivities(tried, tolerance, groups[0].read)),
        tuple(dict.fromkeys([*tried, *(run for group in groups for run in group.runs)])),
        _disagreement(metric, focus, pairs),
        _few_rows(metric, focus, pairs),
        diagnose(
            {entry.label: entry.group for entry in focus},
            pairs,
            trials_of([run for run in tried if is_tuning(run)], groups[0].read),
        ),
        len(set(studies.values())),
        looks,
    )


def _disagreement(
    metric: str, entries: Sequence[Entry], pairs: Sequence[Pair]
) -> Disagreement | None:
    for other in validation_counterparts(metric):
        means = {e.label: e.metrics[other].mean.value for e in entries if other in e.metrics}
        if means:
            return disagreement(other, means, [entry.label for entry in entries], pairs)
    return None


def _few_rows(metric: str, entries: Sequence[Entry], pairs: Sequence[Pair]) -> FewRows | None:
    groups = {entry.label: entry.group for entry in entries}
    if not entries:
        return None
    best = entries[0]
    separated = [
        pair
        for pair in pairs
        if pair.separated and pair.first == best.label and pair.second in groups
    ]
    separated.sort(key=lambda pair: abs(pair.difference.value))
    return too_few_rows(metric, best.group, ((pair, groups[pair.second]) for pair in separated))


def _samples(
    groups: Sequence[Group],
    ranking: str,
    studies: Mapping[int, int],
    overlap: Callable[[str], float],
) -> list[dict[str, Sample]]:
    """Collect the values of each group; of several studies, the means of each study's seeds."""
    found: list[dict[str, Sample]] = [{} for _ in groups]
    measured = {name for group in groups for run in group.runs for name in run.summary}
    for metric in dict.fromkeys([ranking, *compared(measured)]):
        for samples, group, values in zip(found, groups, by_seed(groups, metric), strict=True):
            if values:
                replaced = [run for run in group.counted if is_replaced(run, metric)]
                units = means_of_studies(values, studies)
                unit = {run.seed: studies.get(run.seed, run.seed) for run in replaced}
                samples[metric] = Sample(
                    metric,
                    tuple(units),
                    tuple(units.values()),
                    frozenset({*unit.values()} & units.keys()),
                    frozenset(
                        {unit[run.seed] for run in replaced if stands_in(run, metric)}
                        & units.keys()
                    ),
                    overlap(metric),
                )
    return found


def _same_task(run: Record, group: Group) -> bool:
    """Return whether a tuning run belongs to the task of a group that reports."""
    reported = group.runs[0]
    same_data = run.dataset.get("digest") == reported.dataset.get("digest")
    return _task(run) == _task(reported) and (same_data or DATA not in group.by)


def _task(run: Record) -> tuple[str | None, ...]:
    return run.choices.get("dataset"), run.choices.get("loss"), run.labels.get(TASK)


def _to_compare(entries: Sequence[Entry], focus: Sequence[Entry]) -> set[frozenset[str]]:
    """Return the labels of the pairs to compare: all, or those that conclusions are about.

    If there are more than `MOST_COMPARED` entries, the best entries in focus are compared with each
    other, and each of them with the default settings of its optimizer.
    """
    if len(entries) <= MOST_COMPARED:
        return {frozenset(pair) for pair in combinations([one.label for one in entries], 2)}
    best = focus[:MOST_COMPARED]
    defaults = {one.optimizer: one.label for one in entries if one.setting == "default"}
    own = [(one.label, defaults.get(one.optimizer, one.label)) for one in best]
    pairs = [*combinations([one.label for one in best], 2), *own]
    return {frozenset(pair) for pair in pairs}


def _time_pairs(
    entries: Sequence[Entry],
    compared: Collection[frozenset[str]],
    studies: Mapping[int, int],
    overlap: float,
    looks: int,
) -> list[Pair]:
    clock = clock_of(entries)
    timed = [entry for entry in entries if clock in entry.times]
    ranked = ranks([entry.times[clock].times for entry in timed])
    values = {
        entry.label: means_of_studies(
            dict(zip(entry.times[clock].seeds, found, strict=True)), studies
        )
        for entry, found in zip(timed, ranked, strict=True)
    }
    return compare_pairs(values, metric=TIME[clock], only=compared, overlap=overlap, looks=looks)


def _way(run: Record, curves: Curves) -> str | None:
    """Return how a run went wrong, or None if it did not."""
    losses = curves.get("val/loss", curves.get("train/loss", np.empty(0)))
    chance = None
    if (score := run.reported("val_accuracy")) is not None:
        classes = int(run.dataset.get("outputs") or 0)
        rows = int((run.dataset.get("rows") or {}).get("validation") or 0)
        if classes > 1 and run.dataset.get("task") in ("binary", "multiclass"):
            chance = divergence.chance_accuracy(classes, rows)
    elif (score := run.reported("val_r2")) is not None:
        chance = 0.0
    return divergence.classify(
        finite=run.status is not Status.DIVERGED,
        start=float(losses[0]) if losses.size else None,
        end=float(losses[-1]) if losses.size else None,
        score=score,
        chance=chance,
    )


# ---- across datasets


def _overall(parts: Sequence[Part]) -> list[Overall]:
    """Compare the groups present on every dataset; return nothing for a single dataset."""
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
            overlaps = [
                found[name].metrics[part.metric].overlap
                for part, found in zip(parts, placed, strict=True)
            ]
            score = studentize(samples[name], [1 / len(parts)] * len(parts), overlaps)
            ranked = tuple(
                part.entries.index(found[name]) + 1
                for part, found in zip(parts, placed, strict=True)
            )
            result.append(Overall(name, placed[0][name].optimizer, score.sample_interval(), ranked))
    return sorted(result, key=lambda one: -one.score.value)


def _scaled(part: Part, entries: Sequence[Entry]) -> list[list[float]]:
    """Scale the metric so that the untrained network has 0 and the best group's mean has 1.

    If even the best group is worse than the untrained network, there is no such scale.
    """
    read = part.entries[0].group.read
    found = (untrained(run, read(run), part.metric) for run in part.records)
    starts = [value for value in found if math.isfinite(value)]
    having = [entry for entry in part.entries if part.metric in entry.metrics]
    if not starts or not having:
        return [[] for _ in entries]
    start = float(np.median(starts))
    gain = having[0].metrics[part.metric].mean.value - start
    better = gain > 0 if part.higher else gain < 0
    return [
        [(value - start) / gain for value in entry.metrics[part.metric].values]
        if part.metric in entry.metrics and better
        else []
        for entry in entries
    ]


def _profiles(parts: Sequence[Part]) -> list[Profile]:
    times: dict[str, dict[str, dict[int, float]]] = {}
    for part in parts:
        for entry in part.entries:
            if part.clock in entry.times:
                found = entry.times[part.clock]
                times.setdefault(entry.name, {})[part.name] = dict(
                    zip(found.seeds, found.times, strict=True)
                )
    complete = {label: found for label, found in times.items() if len(found) == len(parts)}
    return performance_profiles(complete) if complete else []


# ---- shared


def measured(groups: Sequence[Group]) -> set[str]:
    """Name what a run of these groups has measured."""
    return {name for group in groups for run in group.runs for name in run.summary}


def metric_of(groups: Sequence[Group]) -> str:
    """Choose the metric that all runs with results have measured, or else one that some have."""
    by_all = [set(run.summary) for group in groups for run in group.finished]
    common = default_metric(set.intersection(*by_all) if by_all else set())
    return common if common in measured(groups) else default_metric(measured(groups))


def _asked(groups: Sequence[Group]) -> str:
    """Return the `comparison.metric` of runs; empty if they ask for none or for several."""
    asked = {run.compared_by for group in groups for run in group.runs}
    return asked.pop() or "" if len(asked) == 1 else ""


def _asked_margin(groups: Sequence[Group]) -> float | None:
    """Return the `comparison.margin` of runs; None if they ask for none or for several."""
    asked = {run.margin for group in groups for run in group.runs}
    return asked.pop() if len(asked) == 1 else None


def _check(metric: str, groups: Sequence[Group]) -> None:
    if metric in (HEADLINE, SELECTION, AREA):
        return  # if no run measured even the loss, the conclusion reports it
    known = sorted({name for group in groups for run in group.runs for name in run.summary})
    if metric in known or not known:
        return
    near = difflib.get_close_matches(metric, [*known, AREA], n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}?" if near else f"Choose one of {', '.join([*known, AREA])}."
    raise ConfigError(f"Cannot compare by {metric!r}: no run has measured it. {hint}")
