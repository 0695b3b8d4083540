"""The comparison as text columns: what the terminal and the Markdown report both show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from experiments.analysis.formatting import column, decimals, number
from experiments.analysis.groups import Group, short_names, show, telling_keys
from experiments.analysis.tables import METRICS, higher_is_better

_HEADERS: Final = {
    "best/val_loss": "val loss",
    "best/val_accuracy": "val accuracy",
    "best/val_r2": "val R²",
    "test/loss": "test loss",
    "test/accuracy": "test accuracy",
    "test/r2": "test R²",
}

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


def columns(groups: Sequence[Group], table: pd.DataFrame) -> list[Column]:
    """Lay out the groups of one task.

    Parameters
    ----------
    groups
        Ranked groups of one task.
    table
        Their rows of `comparison`, in the same order.
    """
    laid = _names(groups)
    for metric in METRICS:
        if f"{metric} mean" in table and table[f"{metric} mean"].notna().any():
            laid.append(_metric(table, metric, rank=_RANKS.get(metric, 0)))
    if table["best/epoch median"].notna().any():
        cells = [number(value, int(value % 1 != 0)) for value in table["best/epoch median"]]
        laid.append(Column("epoch", tuple(cells), rank=_RANKS["epoch"]))
    if table["time/us_per_step median"].notna().any():
        laid.append(_time(table["time/us_per_step median"].tolist()))
    for status in ("diverged", "failed", "interrupted"):
        if table[status].any():
            pairs = zip(table[status], table["runs"], strict=True)
            cells = [f"{count}/{runs}" if count else "" for count, runs in pairs]
            laid.append(Column(status, tuple(cells), rank=_RANKS.get(status, 0)))
    if table["seeds"].nunique() > 1:
        laid.append(Column("seeds", tuple(map(str, table["seeds"])), rank=_RANKS["seeds"]))
    return laid


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


def _metric(table: pd.DataFrame, metric: str, rank: int) -> Column:
    means = table[f"{metric} mean"].tolist()
    deviations = table[f"{metric} sd"].tolist()
    places = decimals(means, deviations)
    best = _best(means, [number(mean, places) for mean in means], higher_is_better(metric))
    return Column(_HEADERS[metric], tuple(column(means, deviations)), best, rank)


def _time(medians: list[float]) -> Column:
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
