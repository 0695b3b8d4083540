"""Lay out comparisons as columns of text, for the terminal, Markdown and LaTeX alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from experiments.analysis.groups import EPOCHS, Group, lacks, short_names, show, telling_keys
from experiments.analysis.pairs import Pair
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.time_to_target import TimeToTarget
from experiments.analysis.study import Entry, Part, Sample, Study
from experiments.analysis.targets import Target
from experiments.reporting.words import notes
from experiments.reporting.words.formatting import (
    Notation,
    column,
    counts,
    in_unit,
    number,
    p_value,
    percent,
    reach,
    time_unit,
)
from experiments.reporting.words.reported import about_test
from experiments.reporting.words.targets import COUNTED, short_target
from experiments.training.metrics import main_metrics, metric_named
from experiments.training.status import Status

# Columns that may be dropped in a narrow window, last one first. All others always stay.
_LEFT_OUT: Final = (
    "test/r2",
    "test/accuracy",
    "best/val_loss",
    "failed",
    "interrupted",
    "seeds",
    "best/val_r2",
    "best/val_accuracy",
    "epoch",
    "time",
    "test/loss",
)
_RANKS: Final = {name: rank for rank, name in enumerate(_LEFT_OUT, start=1)}


def _rank(metric: str) -> int:
    """Return how early a metric's column is dropped: those of `training.metrics` like the score."""
    beside = "test/accuracy" if metric.startswith("test") else "best/val_accuracy"
    return _RANKS.get(metric, _RANKS[beside])


_UNKNOWN: Final = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Column:
    """One column of text.

    Attributes
    ----------
    header : str
        The text at the head of the column.
    cells : tuple of str
        The text of each row, numbers already aligned.
    best : frozenset of int
        The rows whose text equals that of the best value; empty if "best" has no meaning.
    rank : int
        The priority for dropping the column in a narrow window, highest first; 0 always stays.
    is_text : bool
        Whether the column is aligned left, like names.
    notes : tuple of str
        Sentences that explain the column, to be printed below the table.
    """

    header: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()
    rank: int = 0
    is_text: bool = False
    notes: tuple[str, ...] = ()


def notes_of(laid: Iterable[Column]) -> list[str]:
    """Return the notes of columns, each once."""
    return list(dict.fromkeys(note for one in laid for note in one.notes))


def result_columns(part: Part) -> list[Column]:
    """Lay out the groups of one part of a study, best first."""
    entries = part.entries
    laid = [Column("group", _marked(entries, [one.label for one in entries]), is_text=True)]
    for metric in _measured(part):
        found = [one.metrics.get(metric) for one in entries]
        own = (
            _intervals(part, metric, found)
            if metric == part.metric
            else [_means(part, metric, found)]
        )
        laid += _about_test(own, metric, entries)
        laid += _finished(entries) if metric == part.metric else []
    if part.target is not None:
        for unit in dict.fromkeys([part.clock, EPOCHS]):
            laid.append(_times_to([one.times.get(unit) for one in entries], part.target, unit))
    return laid + _diverged(entries, rank=1) + _seeds(entries, rank=4)


def narrow_columns(part: Part) -> list[Column]:
    """Lay out the groups of one part of a study for the end of a sweep.

    The means are those of `result_columns`, all with their standard deviations. Each key that
    distinguishes the groups has its column.
    """
    entries = part.entries
    laid = _keys(entries)
    for metric in _measured(part):
        found = [one.metrics.get(metric) for one in entries]
        rank = 0 if metric == part.metric else _rank(metric)
        laid += _about_test([_means(part, metric, found, rank)], metric, entries)
        laid += _finished(entries) if metric == part.metric else []
    for metric in ("best/epoch", "time/us_per_step"):
        medians = [_median(one.metrics.get(metric)) for one in entries]
        if not all(map(math.isnan, medians)):
            laid.append(_epochs(medians) if metric == "best/epoch" else _times(medians))
    laid += _diverged(entries, rank=1)
    for status in (Status.FAILED, Status.INTERRUPTED):
        counts = [(one.group.count(status), len(one.group.runs)) for one in entries]
        laid += _shares(status, counts, _RANKS[status])
    return laid + _seeds(entries, _RANKS["seeds"])


def pair_columns(part: Part, pairs: Sequence[Pair]) -> list[Column]:
    """Lay out pairwise comparisons of one part."""
    names = {entry.label: entry.name for entry in part.entries}
    ends = [pair.adjusted for pair in pairs]
    notation = Notation.of([end.value for end in ends], map(reach, ends))
    wins = [percent(pair.improvement.value) for pair in pairs]
    laid = [
        Column("better", tuple(names[pair.first] for pair in pairs), is_text=True),
        Column("against", tuple(names[pair.second] for pair in pairs), is_text=True),
        Column(
            "difference", tuple(map(notation.with_interval, ends)), notes=(notes.differences(part),)
        ),
        Column(
            "p (Holm)",
            tuple(p_value(pair.adjusted_p) for pair in pairs),
            rank=1,
        ),
        Column("wins", tuple(wins), rank=2, notes=(notes.wins(part),)),
        Column(
            "verdict",
            tuple(pair.verdict.value for pair in pairs),
            is_text=True,
            notes=tuple(notes.margin(part)),
        ),
    ]
    needed = [None if pair.settled else pair.seeds_needed for pair in pairs]
    if any(needed):
        laid.append(
            Column(
                f"{part.units} needed",
                tuple(str(count or "") for count in needed),
                rank=3,
                notes=(notes.needed(part),),
            )
        )
    return laid


def telling_pairs(part: Part, most: int = 20) -> list[Pair]:
    """Choose the pairs to show if not all can be shown.

    In a tuned comparison, these are the pairs among the tuned groups, and each optimizer's tuned
    against its default settings. If there are more than `most`, only the best group's remain.
    """
    kind = {entry.label: (entry.setting, entry.optimizer) for entry in part.entries}
    found = list(part.separable_pairs)
    if any(setting == "tuned" for setting, _ in kind.values()):
        found = [
            pair
            for pair in found
            if kind[pair.first][0] == kind[pair.second][0] == "tuned"
            or kind[pair.first][1] == kind[pair.second][1]
        ]
    if len(found) > most:
        best = part.entries[0].label
        found = [pair for pair in found if best in (pair.first, pair.second)]
    return found


def overall_columns(study: Study) -> list[Column]:
    """Lay out the groups across datasets."""
    rows = study.overall
    ranks = [", ".join(map(str, one.ranks)) for one in rows]
    scores = [one.score for one in rows]
    notation = Notation.of([score.value for score in scores], map(reach, scores))
    return [
        Column("group", tuple(one.label for one in rows), is_text=True),
        Column(
            "mean score" + " [95%]" * any(map(_is_bounded, scores)),
            tuple(map(notation.with_interval, scores)),
        ),
        Column(f"rank on {', '.join(part.name for part in study.parts)}", tuple(ranks), rank=1),
    ]


def _measured(part: Part) -> list[str]:
    """Name the metrics to show, beginning with the one that ranks."""
    measured = {metric for one in part.entries for metric in one.metrics}
    shown = dict.fromkeys([part.metric, *main_metrics(measured)])
    return [metric for metric in shown if metric in measured]


def _intervals(part: Part, metric: str, found: Sequence[Sample | None]) -> list[Column]:
    """Lay out the means of a metric with their intervals, and its interquartile means."""
    label, means = in_unit(metric, [_UNKNOWN if one is None else one.mean for one in found])
    notation = Notation.of([mean.value for mean in means], map(reach, means))
    name, note = ("median study", notes.MEDIAN_STUDY) if part.studies else ("IQM", notes.IQM)
    _, middles = in_unit(
        metric,
        [_UNKNOWN if one is None else one.median if part.studies else one.iqm for one in found],
    )
    several = any(len(one.values) > 1 for one in found if one)
    laid = [
        Column(
            label + " [95%]" * several,
            tuple(map(notation.with_interval, means)),
            _best_of(metric, [mean.value for mean in means], notation),
            notes=_explained(part, found, "with its 95% interval"),
        )
    ]
    if several:
        cells = tuple(notation.number(one.value) for one in middles)
        laid.append(Column(name, cells, rank=5, notes=(note,)))
    return laid


def _is_bounded(estimate: Estimate) -> bool:
    return math.isfinite(estimate.low + estimate.high)


def _means(
    part: Part, metric: str, found: Sequence[Sample | None], rank: int | None = None
) -> Column:
    """Lay out the means of a metric with their standard deviations."""
    means, deviations = [_mean(one) for one in found], [_sd(one) for one in found]
    return Column(
        metric_named(metric).short,
        tuple(column(means, deviations)),
        _best_of(metric, means, Notation.of(means, deviations)),
        _rank(metric) if rank is None else rank,
        notes=_explained(part, found, "± standard deviation"),
    )


def _explained(part: Part, found: Sequence[Sample | None], spread: str) -> tuple[str, ...]:
    return (notes.means([len(one.values) for one in found if one], spread, part.units),)


def _about_test(laid: list[Column], metric: str, entries: Sequence[Entry]) -> list[Column]:
    """Add to the first column of a metric at which epoch the test part was measured."""
    first, *rest = laid
    return [replace(first, notes=(*first.notes, *about_test(metric, entries))), *rest]


def _epochs(medians: Sequence[float]) -> Column:
    cells = tuple(counts(medians))
    return Column("epoch", cells, rank=_RANKS["epoch"], notes=(notes.MEDIAN_EPOCH,))


def _times(medians: Sequence[float]) -> Column:
    unit, length = time_unit(medians)
    times = [median / length for median in medians]
    places = 1 if min(time for time in times if not math.isnan(time)) < 10 else 0
    cells = tuple(number(time, places) for time in times)
    return Column(f"{unit}/step", cells, rank=_RANKS["time"], notes=(notes.STEP_TIME,))


def _times_to(found: Sequence[TimeToTarget | None], target: Target, unit: str) -> Column:
    """Lay out the medians of the epochs or gradients to a target with their intervals."""
    medians = [_UNKNOWN if one is None else one.median for one in found]
    flat = iter(counts([end for one in medians for end in (one.value, one.low, one.high)]))
    cells = [
        middle if low == middle == high else f"{middle} [{low}, {high}]"
        for middle, low, high in zip(flat, flat, flat, strict=True)
    ]
    header = f"{COUNTED[unit]} to {short_target(target)}"
    return Column(header, tuple(cells), rank=2, notes=(notes.time_to_target(COUNTED[unit]),))


def _keys(entries: Sequence[Entry]) -> list[Column]:
    """Lay out the keys that distinguish the groups, one column per key."""
    groups = [one.group for one in entries]
    telling = telling_keys(groups)
    short = short_names(telling)
    cells = [[_key(group, key) for group in groups] for key in telling]
    named = [_marked(entries, cells[0]), *map(tuple, cells[1:])]
    return [Column(short[key], own, is_text=True) for key, own in zip(telling, named, strict=True)]


def _key(group: Group, key: str) -> str:
    return "–" if lacks(group, key) else show(group.values[group.by.index(key)])


def _marked(entries: Sequence[Entry], names: Sequence[str]) -> tuple[str, ...]:
    """Mark groups in which a run counts with the value of its untrained network."""
    return tuple(
        name + (" †" if one.has_untrained else "") for name, one in zip(names, entries, strict=True)
    )


def _finished(entries: Sequence[Entry]) -> list[Column]:
    """Lay out the share of runs that reached their end, unless all did."""
    counts = [(len(one.group.finished), len(one.group.runs)) for one in entries]
    if all(finished == runs for finished, runs in counts):
        return []
    return [Column("finished", tuple(f"{finished}/{runs}" for finished, runs in counts))]


def _diverged(entries: Sequence[Entry], rank: int) -> list[Column]:
    counts = [(one.divergences.total, one.divergences.runs) for one in entries]
    return _shares("diverged", counts, rank)


def _shares(header: str, counts: Sequence[tuple[int, int]], rank: int) -> list[Column]:
    """Lay out counts as fractions, `2/5`; return no column if all counts are zero."""
    if not any(count for count, _ in counts):
        return []
    cells = [f"{count}/{runs}" if count else "" for count, runs in counts]
    return [Column(header, tuple(cells), rank=rank)]


def _seeds(entries: Sequence[Entry], rank: int) -> list[Column]:
    """Lay out the number of seeds of each group, if these numbers differ."""
    counts = [len(one.seeds) for one in entries]
    return [Column("seeds", tuple(map(str, counts)), rank=rank)] if len(set(counts)) > 1 else []


def _mean(found: Sample | None) -> float:
    return math.nan if found is None else found.mean.value


def _sd(found: Sample | None) -> float:
    return math.nan if found is None else found.sd


def _median(found: Sample | None) -> float:
    return math.nan if found is None else found.median.value


def _best_of(metric: str, means: Sequence[float], notation: Notation) -> frozenset[int]:
    written = [notation.number(mean) for mean in means]
    return _best(means, written, metric_named(metric).higher_is_better)


def _best(values: Sequence[float], written: Sequence[str], higher: bool) -> frozenset[int]:
    """Find the rows whose text equals that of the best; none if all rows would qualify."""
    ranked = [index for index, value in enumerate(values) if not math.isnan(value)]
    if len(ranked) < 2:
        return frozenset()
    top = (max if higher else min)(ranked, key=lambda index: values[index])
    best = frozenset(index for index in ranked if written[index] == written[top])
    return best if len(best) < len(ranked) else frozenset()


def fitting(laid: Iterable[Column], width: int, gap: int = 2) -> list[Column]:
    """Drop the least important columns until the rest are at most `width` characters wide."""
    kept = list(laid)
    while sum(_width(one) for one in kept) + gap * (len(kept) - 1) > width:
        least = max(kept, key=lambda one: one.rank)
        if least.rank == 0:
            break
        kept.remove(least)
    return kept


def _width(one: Column) -> int:
    return max(map(len, (one.header, *one.cells)))
