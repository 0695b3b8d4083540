"""Build the tables of the report cell by cell; the template converts them to HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.analysis.groups import EPOCHS, SETTING, show
from experiments.analysis.pairs import Pair
from experiments.analysis.robustness import flips
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.study import Entry, Part, Study
from experiments.palette import color_of
from experiments.reporting.figures.looks import Look
from experiments.reporting.words import notes
from experiments.reporting.words.formatting import (
    Notation,
    compact,
    counts,
    listing,
    number,
    p_value,
    percent,
    reach,
)
from experiments.reporting.words.reported import about_test
from experiments.reporting.words.targets import COUNTED, short_target
from experiments.reporting.words.verdicts import verdict_of
from experiments.runs.record import Record
from experiments.training.metrics import HEADLINE, compared, main_metrics, metric_named
from experiments.training.status import Status

_NONE: Final = "–"
_MOST_VALUES: Final = 16  # that are listed


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
        The text.
    small : str
        Additional text in small print.
    style : str
        The classes of the style sheet, such as `best`.
    color : str
        The colour of the dot before a group's name; empty for no dot.
    """

    text: str
    small: str = ""
    style: str = ""
    color: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a header; the first cell of each row is the header of the row.

    Attributes
    ----------
    note : str
        A note on how the numbers were computed.
    header : tuple of Cell
        The header of each column.
    rows : tuple of tuple of Cell
        The rows, each as long as the header.
    """

    note: str
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def results(part: Part, looks: Sequence[Look]) -> Table:
    """Tabulate the most important results of all entries, best first, to fit on a screen."""
    header = [Cell("", style="text")]
    columns = [_names(part.entries, looks)]
    for metric in _shown(part):
        header.append(Cell(metric_named(metric).long))
        columns.append(_metric(part, metric))
        if metric == part.metric and part.studies:
            header.append(Cell("median study"))
            columns.append(_medians(part))
        if metric == part.metric and any(map(_unfinished, part.entries)):
            header.append(Cell("finished"))
            columns.append([_finished(entry) for entry in part.entries])
    if part.target:
        for unit in dict.fromkeys([part.clock, EPOCHS]):
            header.append(Cell(f"{COUNTED[unit]} to {short_target(part.target)}"))
            columns.append(_times_to(part.entries, unit))
    if any(entry.divergences.total for entry in part.entries):
        header.append(Cell("diverged"))
        columns.append([_diverged(entry) for entry in part.entries])
    note = [_mean_note(part, "± standard deviation, with the 95% interval in brackets,")]
    for metric in _shown(part):
        note += [text for text in about_test(metric, part.entries) if text not in note]
    if part.target:
        note.append(notes.time_to_target(COUNTED[part.clock]))
    return Table(" ".join(note), tuple(header), tuple(zip(*columns, strict=True)))


def more_results(part: Part, looks: Sequence[Look]) -> Table:
    """Tabulate the results that `results` has no room for, with rows in the same order."""
    measured = _measured(part)
    main = (*main_metrics(measured), part.metric)
    rest = [metric for metric in compared(measured) if metric not in main]
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
    own = {"best/epoch": notes.MEDIAN_EPOCH, "time/us_per_step": notes.STEP_TIME}
    note = [_mean_note(part, "± standard deviation")]
    note += [text for metric, text in own.items() if metric in shown]
    return Table(" ".join(note), tuple(header), tuple(zip(*columns, strict=True)))


def pairs(part: Part, own: Sequence[Look]) -> Table:
    """Tabulate every pair of entries."""
    looks = {entry.label: look for entry, look in zip(part.entries, own, strict=True)}
    header = ("", "difference", "p (Holm)", "wins", "verdict", f"{part.units} needed")
    ends = [pair.adjusted for pair in part.separable_pairs]
    notation = Notation.of([end.value for end in ends], map(reach, ends))
    rows = [
        (
            Cell(
                f"{looks[pair.first].label} – {looks[pair.second].label}",
                color=looks[pair.first].color,
            ),
            _estimate(pair.adjusted, notation),
            Cell(p_value(pair.adjusted_p)),
            Cell(percent(pair.improvement.value), _percent(pair.improvement)),
            Cell(
                verdict_of(pair, looks[pair.first].label),
                style="text" if pair.settled else "text weak",
            ),
            Cell(_needed(pair)),
        )
        for pair in part.separable_pairs
    ]
    note = " ".join(
        [notes.differences(part), *notes.margin(part), notes.wins(part), notes.needed(part)]
    )
    return Table(note, _header(header, text=(0, 4)), tuple(rows))


def settings(part: Part) -> Table | None:
    """Tabulate the values tried for each hyperparameter, the best, and the range that works."""
    tuned = {one.optimizer: one for one in part.tuning}
    rows = []
    for one in part.sensitivities:
        budget = tuned.get(one.optimizer)
        picked = one.best if budget is None else budget.chosen.get(one.key, one.best)
        edge = one.at_edge if budget is None else one.key in budget.at_edge
        rows.append(
            (
                Cell(one.optimizer, one.key.rsplit(".", 1)[-1], color=color_of(one.optimizer)),
                Cell(_tried([tried.value for tried in one.tried]), style="text wide"),
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
        "A value works if it loses at most 5% of the training gain. ≤ and ≥ mean that the range "
        "reaches the lowest or highest value tried."
    )
    return Table(note, _header(header, text=(0, 1)), tuple(rows)) if rows else None


def _tried(values: Sequence[float]) -> str:
    """List the values that were tried, or the ends of many, as several studies try."""
    if len(values) <= _MOST_VALUES:
        return ", ".join(map(compact, values))
    return f"{len(values)} values from {compact(values[0])} to {compact(values[-1])}"


def robustness(study: Study) -> Table:
    """Map the ranks of the groups in focus over variations, and where their order is reversed."""
    names = list(dict.fromkeys(e.base for part in study.parts for e in part.focus))
    turned = {(one.variation, one.worse) for one in flips(study.parts)}
    rows = []
    for part in study.parts:
        ranks = {entry.base: place for place, entry in enumerate(part.focus, start=1)}
        marks = {name: " ⇅" if (part.name, name) in turned else "" for name in names}
        cells = [
            Cell(
                f"{ranks[name]}{marks[name]}" if name in ranks else _NONE,
                style="best" if ranks.get(name) == 1 else "",
            )
            for name in names
        ]
        rows.append((Cell(part.name), *cells))
    note = (
        "The rank of each group's mean. ⇅ marks a group that does better than another which is "
        "better as configured, both separated."
    )
    return Table(note, _header(("", *names), text=(0,)), tuple(rows))


def overall(study: Study, looks: Mapping[str, Look]) -> Table:
    """Tabulate the groups across datasets."""
    areas = {profile.label: profile.area for profile in study.profiles}
    scores = [one.score for one in study.overall]
    notation = Notation.of([score.value for score in scores], map(reach, scores))
    rows = tuple(
        (
            Cell(one.label, color=looks[one.label].color if one.label in looks else ""),
            _estimate(one.score, notation),
            *(Cell(str(rank)) for rank in one.ranks),
            Cell(number(areas.get(one.label, math.nan), 2)),
        )
        for one in study.overall
    )
    ranks = [f"rank on {part.name}" for part in study.parts]
    header = ("", "score", *ranks, "area of profile")
    note = (
        "Score: the mean of the metric over datasets, scaled so that the untrained network has 0 "
        "and the best group 1."
    )
    return Table(note, _header(header, text=(0,)), rows)


def runs(records: Iterable[Record], metrics: Sequence[str]) -> Table:
    """Tabulate all runs with their values of the metrics and their identities."""
    rows = []
    for run in sorted(records, key=_order):
        values = [run.summary.get(metric) for metric in metrics]
        labels = " ".join(run.labels.values())
        status = run.status.words
        rows.append(
            (
                Cell(run.name),
                Cell(run.choices.get("dataset", ""), style="text"),
                Cell(str(run.seed)),
                Cell(labels, style="text"),
                Cell(status, style="text" if run.status is not Status.DIVERGED else "text bad"),
                *(Cell(_NONE if value is None else compact(value, 6)) for value in values),
                Cell(run.identity[:16], style="text"),
            )
        )
    named = [metric_named(metric).long for metric in metrics]
    header = ("", "dataset", "seed", "part", "status", *named, "identity")
    return Table(
        "Runs with equal identities have the same configuration, data and code.",
        _header(header, text=(0, 1, 3, 4, len(header) - 1)),
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
            look.label + (" †" if entry.has_untrained else ""),
            listing([f"{key} {show(value)}" for key, value in entry.tuned.items()]),
            "" if look.filled else "hollow",
            look.color,
        )
        for entry, look in zip(entries, looks, strict=True)
    ]


def _shown(part: Part) -> list[str]:
    """Choose the metrics to show, the selecting one first."""
    measured = _measured(part)
    scored = not measured.isdisjoint({"test/accuracy", "test/r2"})
    order = dict.fromkeys([part.metric, *main_metrics(measured)])
    return [m for m in order if m in measured and not (m == HEADLINE != part.metric and scored)]


def _measured(part: Part) -> set[str]:
    return {metric for entry in part.entries for metric in entry.metrics}


def _metric(part: Part, metric: str) -> list[Cell]:
    found = [entry.metrics.get(metric) for entry in part.entries]
    if metric_named(metric).by_median:
        return [
            Cell(text)
            for text in counts([math.nan if one is None else one.median.value for one in found])
        ]
    means = [math.nan if one is None else one.mean.value for one in found]
    spreads = [math.nan if one is None else one.sd for one in found]
    notation = Notation.of(means, spreads)
    pick = max if metric_named(metric).higher_is_better else min
    top = pick(filter(math.isfinite, means), default=math.nan)
    cells = []
    for one, mean, spread in zip(found, means, spreads, strict=True):
        best = len(found) > 1 and notation.number(mean) == notation.number(top)
        cells.append(
            Cell(
                _minus(notation.with_spread(mean, spread)),
                _minus(notation.ends(one.mean)) if one and metric == part.metric else "",
                "best" if best and one else "",
            )
        )
    return cells


def _medians(part: Part) -> list[Cell]:
    found = [entry.metrics.get(part.metric) for entry in part.entries]
    notation = Notation.of(
        [math.nan if one is None else one.mean.value for one in found],
        [math.nan if one is None else one.sd for one in found],
    )
    return [Cell(_NONE if one is None else notation.number(one.median.value)) for one in found]


def _mean_note(part: Part, spread: str) -> str:
    samples = [e.metrics[part.metric] for e in part.entries if part.metric in e.metrics]
    words = notes.means([len(one.values) for one in samples], spread, part.units)
    return f"{words} {notes.MEDIAN_STUDY}" if part.studies else words


def _times_to(entries: Sequence[Entry], unit: str) -> list[Cell]:
    found = [entry.times.get(unit) for entry in entries]
    medians = [one.median for one in found if one]
    flat = iter(counts([end for one in medians for end in (one.value, one.low, one.high)]))
    cells = []
    for one in found:
        if one is None:
            cells.append(Cell(_NONE))
            continue
        middle, low, high = (next(flat) for _ in range(3))
        interval = f"[{low}, {high}]" if len(one.times) > 1 and one.reached else ""
        if math.isinf(one.median.value) and one.reached:
            interval = f"reached by {one.reached} of {len(one.times)}"
        cells.append(Cell(middle, interval))
    return cells


def _unfinished(entry: Entry) -> int:
    return len(entry.group.runs) - len(entry.group.finished)


def _finished(entry: Entry) -> Cell:
    share = f"{len(entry.group.finished)} of {len(entry.group.runs)}"
    return Cell(share, style="bad" if _unfinished(entry) else "")


def _diverged(entry: Entry) -> Cell:
    count = entry.divergences.total
    return Cell(f"{count} of {entry.divergences.runs}" if count else "", style="bad")


def _estimate(estimate: Estimate, notation: Notation) -> Cell:
    return Cell(_minus(notation.number(estimate.value)), _minus(notation.ends(estimate)))


def _percent(estimate: Estimate) -> str:
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _needed(pair: Pair) -> str:
    if pair.settled:
        return ""
    return _NONE if pair.seeds_needed is None else str(pair.seeds_needed)
