"""Comparisons as text columns: what the terminal, Markdown and LaTeX all show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from experiments.analysis.groups import Group, short_names, show, telling_keys
from experiments.reporting.tables.rows import comparison_rows
from experiments.reporting.words.formatting import column, decimals, interval, number, tenths
from experiments.training.metrics import MAIN, metric_named

if TYPE_CHECKING:
    from experiments.analysis.pairs import Pair
    from experiments.analysis.statistics.time_to_target import TimeToTarget
    from experiments.analysis.study import Part, Study, Summary

# What is left out where there is no room: the highest first. The rest always stays.
_LEFT_OUT: Final = (
    "test/r2",
    "test/accuracy",
    "best/val_r2",
    "best/val_accuracy",
    "failed",
    "interrupted",
    "seeds",
    "epoch",
    "time",
    "test/loss",
)
_RANKS: Final = {name: rank for rank, name in enumerate(_LEFT_OUT, start=1)}


@dataclass(frozen=True)
class Column:
    """One column of text.

    Attributes
    ----------
    header
        For people.
    cells
        One a group; numbers are already aligned.
    best
        The rows that hold the best value, as it is written; empty where best has no meaning.
    rank
        The higher, the sooner it is left out where there is no room; 0 always stays.
    is_text
        Aligned left, as names are.
    """

    header: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()
    rank: int = 0
    is_text: bool = False


def result_columns(part: Part) -> list[Column]:
    """Lay out the groups of one part of a study, best first."""
    entries = part.entries
    names = tuple(one.label + (" †" if one.divergences.non_finite else "") for one in entries)
    laid = [Column("group", names, is_text=True)]
    shown = [metric for metric in MAIN if any(metric in one.metrics for one in entries)]
    for metric in dict.fromkeys([part.metric, *shown]):
        found = [one.metrics.get(metric) for one in entries]
        if any(found):
            laid += _summaries(metric, found, main=metric == part.metric)
    if part.target is not None:
        cells = [_time_cell(one.times.get("epoch")) for one in entries]
        laid.append(Column(f"epochs to {part.target.short}", tuple(cells), rank=1))
    if any(one.divergences.total for one in entries):
        wrong = [(one.divergences.total, one.divergences.runs) for one in entries]
        cells = [f"{count}/{runs}" if count else "" for count, runs in wrong]
        laid.append(Column("diverged", tuple(cells), rank=2))
    if len({len(one.seeds) for one in entries}) > 1:
        laid.append(Column("seeds", tuple(str(len(one.seeds)) for one in entries), rank=4))
    return laid


def pair_columns(part: Part, pairs: Sequence[Pair]) -> list[Column]:
    """Lay out some of the comparisons of one part in pairs."""
    names = {entry.label: entry.name for entry in part.entries}
    needed = [_needed(pair) for pair in pairs]
    laid = [
        Column("better mean", tuple(names[pair.first] for pair in pairs), is_text=True),
        Column("against", tuple(names[pair.second] for pair in pairs), is_text=True),
        Column("difference", tuple(interval(pair.adjusted) for pair in pairs)),
        Column("p (Holm)", tuple(_p_value(pair.adjusted_p) for pair in pairs), rank=1),
        Column("wins", tuple(f"{100 * pair.improvement.value:.0f}%" for pair in pairs), rank=2),
        Column(
            "verdict",
            tuple("separated" if pair.separated else "not separated" for pair in pairs),
            is_text=True,
        ),
    ]
    if any(needed):
        laid.append(Column("seeds needed", tuple(needed), rank=3))
    return laid


def telling_pairs(part: Part, most: int = 20) -> list[Pair]:
    """Choose the comparisons to show where there is room for few.

    Of a tuned comparison those among the tuned groups, and of each with its own defaults. If
    these are more than `most`, only the best group's.
    """
    kind = {entry.label: (entry.setting, entry.optimizer) for entry in part.entries}
    found = list(part.pairs)
    if any(setting == "tuned" for setting, _ in kind.values()):
        found = [
            pair
            for pair in found
            if kind[pair.first][0] == kind[pair.second][0] == "tuned"
            or kind[pair.first][1] == kind[pair.second][1]
        ]
    if len(found) > most:
        found = [pair for pair in found if pair.first == found[0].first]
    return found


def overall_columns(study: Study) -> list[Column]:
    """Lay out the groups across datasets."""
    rows = study.overall
    ranks = [", ".join(map(str, one.ranks)) for one in rows]
    return [
        Column("group", tuple(one.label for one in rows), is_text=True),
        Column("mean score [95%]", tuple(interval(one.score) for one in rows)),
        Column(f"rank on {', '.join(part.name for part in study.parts)}", tuple(ranks), rank=1),
    ]


def columns(groups: Sequence[Group]) -> list[Column]:
    """Lay out the groups of one task, in their order."""
    rows = comparison_rows(groups)
    table = {name: [row[name] for row in rows] for name in rows[0]}
    laid = _names(groups)
    for metric in MAIN:
        means = table.get(f"{metric} mean", [])
        if _any_known(means):
            deviations = table[f"{metric} sd"]
            laid.append(_metric(metric, means, deviations, rank=_RANKS.get(metric, 0)))
    if _any_known(table["best/epoch median"]):
        cells = [tenths(value) for value in table["best/epoch median"]]
        laid.append(Column("epoch", tuple(cells), rank=_RANKS["epoch"]))
    if _any_known(table["time/us_per_step median"]):
        laid.append(_time(table["time/us_per_step median"]))
    for status in ("diverged", "failed", "interrupted"):
        if any(table[status]):
            pairs = zip(table[status], table["runs"], strict=True)
            cells = [f"{count}/{runs}" if count else "" for count, runs in pairs]
            laid.append(Column(status, tuple(cells), rank=_RANKS.get(status, 0)))
    if len(set(table["seeds"])) > 1:
        laid.append(Column("seeds", tuple(map(str, table["seeds"])), rank=_RANKS["seeds"]))
    return laid


def _any_known(values: Sequence[float]) -> bool:
    return not all(map(math.isnan, values))


def _summaries(metric: str, found: Sequence[Summary | None], *, main: bool) -> list[Column]:
    """Write one metric: the main one with intervals, any other with standard deviations."""
    means = [one.mean.value if one else math.nan for one in found]
    places = decimals(means, [one.sd if one else math.nan for one in found])
    best = _best(
        means, [number(mean, places) for mean in means], metric_named(metric).higher_is_better
    )
    header, rank = metric_named(metric).short, _RANKS.get(metric, len(_LEFT_OUT))
    if not main:
        deviations = [one.sd if one else math.nan for one in found]
        return [Column(header, tuple(column(means, deviations)), best, rank)]
    middles = [one.iqm.value if one else math.nan for one in found]
    return [
        Column(f"{header} [95%]", tuple(interval(one.mean) if one else "–" for one in found), best),
        Column("IQM", tuple(number(middle, places) for middle in middles), rank=5),
    ]


def _time_cell(found: TimeToTarget | None) -> str:
    if found is None:
        return "–"
    if found.reached == 0:
        return "never"
    middle = found.median
    return f"{tenths(middle.value)} [{tenths(middle.low)}, {tenths(middle.high)}]"


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _needed(pair: Pair) -> str:
    if pair.separated:
        return ""
    return str(pair.seeds_needed) if pair.seeds_needed else "unknown"


def _names(groups: Sequence[Group]) -> list[Column]:
    telling = telling_keys(groups)
    short = short_names(telling)
    named = [
        Column(
            short[key],
            tuple(show(group.values[group.by.index(key)]) for group in groups),
            is_text=True,
        )
        for key in telling
    ]
    marked = [
        cell + " †" if group.count("diverged") else cell
        for cell, group in zip(named[0].cells, groups, strict=True)
    ]
    return [Column(named[0].header, tuple(marked), is_text=True), *named[1:]]


def _metric(metric: str, means: Sequence[float], deviations: Sequence[float], rank: int) -> Column:
    places = decimals(means, deviations)
    best = _best(
        means, [number(mean, places) for mean in means], metric_named(metric).higher_is_better
    )
    return Column(metric_named(metric).short, tuple(column(means, deviations)), best, rank)


def _time(medians: Sequence[float]) -> Column:
    places = 1 if min(value for value in medians if not math.isnan(value)) < 10 else 0
    cells = [number(value, places) for value in medians]
    return Column("µs/step", tuple(cells), _best(medians, cells, higher=False), _RANKS["time"])


def _best(values: Sequence[float], written: Sequence[str], higher: bool) -> frozenset[int]:
    """Find the rows that read the same as the best one; none where there is no contest."""
    ranked = [index for index, value in enumerate(values) if not math.isnan(value)]
    if len(ranked) < 2:
        return frozenset()
    top = (max if higher else min)(ranked, key=lambda index: values[index])
    best = frozenset(index for index in ranked if written[index] == written[top])
    return best if len(best) < len(ranked) else frozenset()


def fitting(laid: Iterable[Column], width: int, gap: int = 2) -> list[Column]:
    """Leave out the least important columns until the rest are at most `width` wide."""
    kept = list(laid)
    while sum(_width(one) for one in kept) + gap * (len(kept) - 1) > width:
        least = max(kept, key=lambda one: one.rank)
        if least.rank == 0:
            break
        kept.remove(least)
    return kept


def _width(one: Column) -> int:
    return max(map(len, (one.header, *one.cells)))
