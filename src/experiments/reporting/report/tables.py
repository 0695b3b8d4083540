"""The tables of the page, cell by cell; the template turns them into HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.analysis.groups import SETTING, show
from experiments.analysis.pairs import Pair
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.study import Entry, Part, Study
from experiments.palette import color_of
from experiments.reporting.figures.looks import Look
from experiments.reporting.words.formatting import (
    compact,
    decimals,
    listing,
    number,
    p_value,
    percent,
    tenths,
)
from experiments.reporting.words.targets import short_target
from experiments.runs.record import Record
from experiments.training.metrics import COMPARED, MAIN, metric_named
from experiments.training.status import Status

_NONE: Final = "–"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text : str
        For people.
    small : str
        Beside it, less important.
    style : str
        Classes of the style sheet, such as `best`.
    color : str
        Of the dot before a group's name; empty for none.
    """

    text: str
    small: str = ""
    style: str = ""
    color: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a head; the first cell of a row is its head.

    Attributes
    ----------
    note : str
        How its numbers were made.
    header : tuple of Cell
        Of each column.
    rows : tuple of tuple of Cell
        As long as the header.
    """

    note: str
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def results(part: Part, looks: Sequence[Look]) -> Table:
    """Tabulate every entry with what matters most, best first: as much as fits on a screen."""
    header = [Cell("", style="text"), *(Cell(metric_named(one).long) for one in _shown(part))]
    columns = [_names(part.entries, looks), *(_metric(part, one) for one in _shown(part))]
    if part.target:
        header.append(Cell(f"epochs to {short_target(part.target)}"))
        columns.append([_time(entry) for entry in part.entries])
    if any(entry.divergences.total for entry in part.entries):
        header.append(Cell("diverged"))
        columns.append([_diverged(entry) for entry in part.entries])
    seeds = max((len(entry.seeds) for entry in part.entries), default=0)
    note = f"Mean ± standard deviation over {seeds} seeds; in brackets the 95% interval."
    if seeds < 2:
        note = "One seed: neither a spread nor an interval is known."
    note += " Test is read at the best validation epoch. Epochs are medians."
    return Table(note, tuple(header), tuple(zip(*columns, strict=True)))


def more_results(part: Part, looks: Sequence[Look]) -> Table:
    """Tabulate what `results` has no room for, in the same order of rows."""
    measured = _measured(part)
    rest = [metric for metric in COMPARED if metric not in (*MAIN, part.metric)]
    shown = [metric for metric in rest if metric in measured]
    header = [
        Cell("", style="text"),
        *(Cell(metric_named(metric).long) for metric in shown),
        Cell("seeds"),
    ]
    columns = [
        _names(part.entries, looks),
        *(_metric(part, metric) for metric in shown),
        [Cell(str(len(entry.seeds))) for entry in part.entries],
    ]
    note = "Mean ± standard deviation; the best epoch and times are medians."
    return Table(note, tuple(header), tuple(zip(*columns, strict=True)))


def pairs(part: Part, own: Sequence[Look]) -> Table:
    """Tabulate every pair of entries."""
    looks = {entry.label: look for entry, look in zip(part.entries, own, strict=True)}
    header = ("", "difference", "p, corrected", "does better on a seed", "verdict", "seeds needed")
    places = decimals([pair.difference.value for pair in part.pairs], [])
    rows = []
    for pair in part.pairs:
        separated = pair.separated
        rows.append(
            (
                Cell(
                    f"{looks[pair.first].label} – {looks[pair.second].label}",
                    color=looks[pair.first].color,
                ),
                Cell(_signed(pair.difference.value, places), _interval(pair.adjusted, places)),
                Cell(p_value(pair.adjusted_p)),
                Cell(percent(pair.improvement.value), _percent(pair.improvement)),
                Cell(
                    f"{looks[pair.first].label} is better" if separated else "not separated",
                    style="text" if separated else "text weak",
                ),
                Cell(_needed(pair)),
            )
        )
    note = (
        "Differences are paired over seeds; their intervals and p-values are corrected for all "
        "pairs by Holm's method. The last column is how many seeds would separate such a "
        "difference, with probability 80%."
    )
    return Table(note, _header(header, text=(0, 4)), tuple(rows))


def settings(part: Part) -> Table | None:
    """Tabulate what was tried of every hyperparameter, what was best, and how much else works."""
    tuned = {one.optimizer: one for one in part.tuning}
    rows = []
    for one in part.sensitivities:
        budget = tuned.get(one.optimizer)
        picked = one.best if budget is None else budget.chosen.get(one.key, one.best)
        edge = one.at_edge if budget is None else one.key in budget.at_edge
        rows.append(
            (
                Cell(one.optimizer, one.key.rsplit(".", 1)[-1], color=color_of(one.optimizer)),
                Cell(", ".join(compact(tried.value) for tried in one.tried), style="text wide"),
                Cell(_NONE if budget is None else f"{budget.trials} × {len(budget.seeds)}"),
                Cell(
                    compact(picked) if isinstance(picked, float) else show(picked),
                    "at the edge" if edge else "",
                    "bad" if edge else "",
                ),
                Cell(
                    f"{'≤ ' * one.open_low}{compact(one.low, 3)} to "
                    f"{'≥ ' * one.open_high}{compact(one.high, 3)}"
                ),
                Cell(
                    _NONE
                    if math.isnan(one.width)
                    else f"{'≥ ' * (one.open_low or one.open_high)}{number(one.width, 1)}"
                ),
            )
        )
    header = ("", "tried", "settings × seeds", "best", "range that works", "decades")
    note = (
        "A value works if at most a twentieth of what training gained is lost. ≤ and ≥: the range "
        "reaches the end of what was tried."
    )
    return Table(note, _header(header, text=(0, 1)), tuple(rows)) if rows else None


def overall(study: Study, looks: Mapping[str, Look]) -> Table:
    """Tabulate the groups across datasets."""
    areas = {profile.label: profile.area for profile in study.profiles}
    rows = tuple(
        (
            Cell(one.label, color=looks[one.label].color if one.label in looks else ""),
            Cell(number(one.score.value, 3), _interval(one.score, 3)),
            *(Cell(str(rank)) for rank in one.ranks),
            Cell(number(areas.get(one.label, math.nan), 2)),
        )
        for one in study.overall
    )
    ranks = [f"rank on {part.name}" for part in study.parts]
    header = ("", "score", *ranks, "profile's area")
    note = (
        "Score: the mean over datasets of the metric, scaled so that the untrained network has 0 "
        "and the best group 1."
    )
    return Table(note, _header(header, text=(0,)), rows)


def runs(records: Iterable[Record], metric: str) -> Table:
    """Tabulate every run with its identity."""
    rows = []
    for run in sorted(records, key=_order):
        value = run.summary.get(metric)
        labels = " ".join(run.labels.values())
        status = run.status.words
        rows.append(
            (
                Cell(run.name),
                Cell(run.choices.get("dataset", ""), style="text"),
                Cell(str(run.seed)),
                Cell(labels, style="text"),
                Cell(status, style="text" if run.status is not Status.DIVERGED else "text bad"),
                Cell(_NONE if value is None else compact(value, 6)),
                Cell(run.identity[:16], style="text"),
            )
        )
    header = ("", "dataset", "seed", "part", "status", metric_named(metric).long, "identity")
    return Table(
        "Every run. Equal identities are runs of the same configuration, data and code.",
        _header(header, text=(0, 1, 3, 4, 6)),
        tuple(rows),
    )


def _order(run: Record) -> tuple[object, ...]:
    """Sort runs by dataset, tuning before reporting, then by name and seed."""
    stage, dataset = run.labels.get("stage") != "tuning", run.choices.get("dataset", "")
    setting, optimizer = run.labels.get(SETTING, ""), run.choices.get("optimizer", "")
    return dataset, stage, setting != "tuned", optimizer, run.seed, run.name, run.uid


def _header(names: Sequence[str], text: Sequence[int]) -> tuple[Cell, ...]:
    return tuple(
        Cell(name, style="text" if place in text else "") for place, name in enumerate(names)
    )


def _names(entries: Sequence[Entry], looks: Sequence[Look]) -> list[Cell]:
    return [
        Cell(
            look.label + (" †" if entry.divergences.non_finite else ""),
            listing([f"{key} {show(value)}" for key, value in entry.tuned.items()]),
            "" if look.filled else "hollow",
            look.color,
        )
        for entry, look in zip(entries, looks, strict=True)
    ]


def _shown(part: Part) -> list[str]:
    """Choose the columns: the selecting metric first, then what tells most beside it."""
    measured = _measured(part)
    scored = not measured.isdisjoint({"test/accuracy", "test/r2"})
    order = dict.fromkeys([part.metric, *MAIN])
    return [m for m in order if m in measured and not (m == "test/loss" and scored)]


def _measured(part: Part) -> set[str]:
    return {metric for entry in part.entries for metric in entry.metrics}


def _metric(part: Part, metric: str) -> list[Cell]:
    found = [entry.metrics.get(metric) for entry in part.entries]
    if metric_named(metric).by_median:
        medians = [math.nan if one is None else one.median.value for one in found]
        return [Cell(tenths(value)) for value in medians]
    means = [math.nan if one is None else one.mean.value for one in found]
    spreads = [math.nan if one is None else one.sd for one in found]
    known = [abs(value) for value in means if math.isfinite(value) and value]
    wide = [spread for spread in spreads if spread > 0]
    if (known and max(known) > 100 * min(known)) or (wide and max(wide) > 30 * min(wide)):
        # No number of decimals serves all, as where a run went far astray: each has its own.
        places = [decimals([mean], [sd]) for mean, sd in zip(means, spreads, strict=True)]
    else:
        places = [decimals(means, spreads)] * len(means)
    pick = max if metric_named(metric).higher_is_better else min
    top = pick(filter(math.isfinite, means), default=math.nan)
    cells = []
    for one, mean, spread, digits in zip(found, means, spreads, places, strict=True):
        best = len(known) > 1 and number(mean, digits) == number(top, digits)
        cells.append(
            Cell(
                _signed(mean, digits) + (f" ± {number(spread, digits)}" if spread >= 0 else ""),
                _interval(one.mean, digits) if one and metric == part.metric else "",
                "best" if best else "",
            )
        )
    return cells


def _time(entry: Entry) -> Cell:
    times = entry.times.get("epoch")
    if times is None:
        return Cell(_NONE)
    middle = times.median
    if not times.reached:
        return Cell("never")
    if math.isinf(middle.value):
        return Cell("∞", f"{times.reached} of {len(times.times)} reached it")
    ends = f"[{tenths(middle.low)}, {tenths(middle.high)}]" if len(times.times) > 1 else ""
    return Cell(tenths(middle.value), ends)


def _diverged(entry: Entry) -> Cell:
    count = entry.divergences.total
    return Cell(f"{count} of {entry.divergences.runs}" if count else "", style="bad")


def _interval(estimate: Estimate, places: int) -> str:
    if not math.isfinite(estimate.low + estimate.high):
        return ""
    return f"[{_signed(estimate.low, places)}, {_signed(estimate.high, places)}]"


def _percent(estimate: Estimate) -> str:
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def _signed(value: float, places: int) -> str:
    return number(value, places).replace("-", "−")


def _needed(pair: Pair) -> str:
    if pair.separated:
        return ""
    return _NONE if pair.seeds_needed is None else str(pair.seeds_needed)
