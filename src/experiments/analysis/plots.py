"""Pictures of one run and of a comparison. Colours are those of `experiments.palette`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.conclusions import scope_names
from experiments.analysis.drawing import (
    INK,
    PALE,
    count_epochs,
    label_ends,
    label_gutter,
    limit,
    new_figure,
    panel,
    readable,
    scale_loss,
    scale_score,
    shades,
    style,
    text_width,
    wrapped,
    write,
)
from experiments.analysis.formatting import number
from experiments.analysis.groups import (
    FINISHED,
    Group,
    group_runs,
    labels,
    scopes,
    show,
    telling_keys,
)
from experiments.analysis.tables import higher_is_better
from experiments.palette import color_of
from experiments.records import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More names than this cannot be told apart by colour, nor stand beside a curve's end.
MOST_NAMED: Final = 16
_MOST_ROWS: Final = 48
_TALLEST_ROW: Final = 0.5  # inches

_STRIP_METRICS: Final = {
    "test/accuracy": "Test accuracy at the best validation epoch",
    "test/r2": "Test R² at the best validation epoch",
    "test/loss": "Test loss at the best validation epoch",
    "best/val_accuracy": "Validation accuracy at the best epoch",
    "best/val_r2": "Validation R² at the best epoch",
    "best/val_loss": "Best validation loss",
}
_SCORES: Final = {"accuracy": "accuracy", "r2": "R²"}
_DASHES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))

Curves = Mapping[str, NDArray[np.float64]]
Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class _Drawn:
    """A group as it is drawn: its name, colour and curves."""

    group: Group
    label: str
    color: str
    dash: Dash
    named: bool
    finished: tuple[Curves, ...]
    diverged: tuple[Curves, ...]


def plot_run(record: Record) -> Figure:
    """Draw the learning curves of one run, with its learning rate and its best epoch.

    Parameters
    ----------
    record
        A run of any status; one that measured nothing gives a picture that says so.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot; save it with `savefig`.
    """
    curves = record.metrics() if record.status != "failed" else {}
    title = f"{record.name}: {_context([record])}"
    with style():
        if not curves.get("epoch", np.empty(0)).size:
            return _empty(title, f"No epoch was measured: {_status(record)}")
        gutter = label_gutter(["validation"])
        figure = new_figure(0.6 + 2 * (3.3 + gutter + 0.55) + 2.4 + 0.3, 3.95)
        write(figure, 0.15, 0.12, title, size=10.5, weight="bold")
        write(figure, 0.15, 0.33, _status(record), color="#b00020" if _is_bad(record) else PALE)
        color = color_of(record.choices.get("optimizer", ""))
        left = 0.6
        for kind in ("loss", _score_of([curves])):
            axes = panel(figure, left, 0.95, 3.3, 2.5)
            _run_panel(axes, curves, kind, color, record.summary.get("best/epoch"))
            left += 3.3 + gutter + 0.55
        _rate_panel(panel(figure, left, 0.95, 2.4, 2.5), curves, color)
    return figure


def plot_comparison(records: Sequence[Record], by: Sequence[str] | None = None) -> Figure:
    """Draw a comparison: learning curves of all seeds, and the final metric of each run.

    Every seed is thin; the median over a group's finished runs is bold, with the band
    between the quartiles, as far as all of these runs went (some may have stopped early).
    Diverged runs end in a cross and are in no median. The validation loss is on a
    logarithmic axis where it spans more than a decade. On the right each run is a point, with
    the mean of each group and the 95% interval of that mean (Student's t). Each task
    (dataset and loss) has a row of its own.

    Parameters
    ----------
    records
        Runs of any status.
    by
        Grouping keys (see `experiments.analysis.tables.comparison`).

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot; save it with `savefig`.

    Raises
    ------
    ConfigError
        Where there are no records, or no run has one of the keys.
    """
    parts = scopes(group_runs(records, by))
    with style():
        rows = [_drawn(part) for part in parts]
        names = [one.label for row in rows for one in row if one.named]
        shown = [one.label for row in rows for one in row[:_MOST_ROWS]]
        end, side = label_gutter(names), text_width(shown) + 0.3
        notes = text_width([_absent(one.group) for row in rows for one in row[:_MOST_ROWS]])
        heights = [max(2.9, min(len(row), _MOST_ROWS) * 0.22) for row in rows]
        width = 0.6 + 2 * (3.3 + end) + 0.6 + side + 3.3 + (notes + 0.2 if notes else 0) + 0.2
        caption = wrapped(_caption(rows), width - 0.3, 7.5)
        bottom = 0.2 + 0.14 * (caption.count("\n") + 1)
        heading = 0.3 if len(parts) > 1 else 0.0
        tall = sum(height + heading + 1.0 for height in heights)
        figure = new_figure(width, 0.35 + tall + bottom)
        write(figure, 0.15, 0.12, _title(parts), size=10.5, weight="bold")
        top = 0.35
        scope_titles = scope_names(parts) if len(parts) > 1 else [""]
        for row, height, name in zip(rows, heights, scope_titles, strict=True):
            write(figure, 0.15, top + 0.1, name, size=10, weight="bold")
            top += heading
            score = _score_of([curves for one in row for curves in one.finished + one.diverged])
            left = 0.6
            for kind in ("loss", score):
                axes = panel(figure, left, top + 0.45, 3.3, height)
                _comparison_panel(axes, row, kind)
                left += 3.3 + end + 0.6
            left += side - 0.6
            _strip_panel(panel(figure, left, top + 0.45, 3.3, height), row[:_MOST_ROWS])
            top += height + 1.0
        write(figure, 0.15, top + 0.1, caption, size=7.5, color="#555555", linespacing=1.3)
    return figure


# ---- one run


def _run_panel(axes: Axes, curves: Curves, kind: str, color: str, best: float | None) -> None:
    epochs = curves["epoch"]
    parts = [("train", "#6b6b6b"), ("val", color)]
    found = [
        (name, shade, curves[f"{name}/{kind}"])
        for name, shade in parts
        if f"{name}/{kind}" in curves and np.isfinite(curves[f"{name}/{kind}"]).any()
    ]
    _title_panel(axes, _SCORES.get(kind, kind).capitalize(), pad=16)
    count_epochs(axes)
    if not found:
        _say_unmeasured(axes)
        return
    everything = np.concatenate([values for _, _, values in found])
    ends = [_last(epochs, values) for _, _, values in found]
    if kind == "loss":
        scale_loss(axes, everything)
    else:
        scale_score(axes, everything, [end[1] for end in ends])
    for _, shade, values in found:
        axes.plot(epochs, values, color=shade, linewidth=1.6, marker=_marker(values))
    axes.set_xlim(*_epoch_limits(epochs))
    if best is not None:
        _mark_best(axes, epochs, curves.get(f"val/{kind}"), best, color)
    full = {"train": "train", "val": "validation"}
    label_ends(axes, ends, [full[name] for name, _, _ in found], [shade for _, shade, _ in found])


def _mark_best(
    axes: Axes, epochs: NDArray[np.float64], values: NDArray[np.float64] | None, best: float,
    color: str,
) -> None:  # fmt: skip
    axes.axvline(best, color=PALE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    low, high = axes.get_xlim()
    place = (best - low) / (high - low)
    axes.text(
        place,
        1.015,
        f"best epoch {best:g}",
        transform=axes.transAxes,
        ha="left" if place < 0.2 else "right" if place > 0.8 else "center",
        va="bottom",
        size=7.5,
        color="#555555",
    )
    at = np.flatnonzero(epochs == best)
    if values is not None and at.size:
        axes.plot(
            [best], values[at[:1]], "o", color=color, markersize=5, markeredgecolor="white",
            clip_on=False, zorder=5,
        )  # fmt: skip


def _rate_panel(axes: Axes, curves: Curves, color: str) -> None:
    _title_panel(axes, "Learning rate", pad=16)
    count_epochs(axes)
    rates, epochs = curves.get("lr", np.empty(0)), curves["epoch"]
    finite = rates[np.isfinite(rates)]
    if not finite.size:
        _say_unmeasured(axes)
        return
    if finite.max() > 0 and finite.min() >= 0 and finite.max() <= 10 * finite.min():
        axes.set_ylim(0, 1.1 * float(finite.max()))
    elif finite.min() > 0 and finite.max() > 1000 * finite.min():
        scale_loss(axes, finite)
    else:
        limit(axes, min(0.0, float(finite.min())), float(finite.max()))
    axes.plot(epochs, rates, color=color, linewidth=1.6, marker=_marker(rates))
    axes.set_xlim(*_epoch_limits(epochs))


def _status(record: Record) -> str:
    words = record.status.replace("_", " ")
    if record.message:
        words += f": {record.message}"
    return textwrap.shorten(words, 150, placeholder=" …")


def _is_bad(record: Record) -> bool:
    return record.status not in FINISHED


# ---- the comparison


def _drawn(part: Sequence[Group]) -> list[_Drawn]:
    names = labels(part)
    kin: dict[str, list[int]] = {}
    for index in sorted(range(len(part)), key=lambda index: _natural(part[index].values)):
        kin.setdefault(part[index].optimizer, []).append(index)
    looks: dict[int, tuple[str, Dash]] = {}
    for optimizer, members in kin.items():
        for place, shade in enumerate(shades(color_of(optimizer), len(members))):
            looks[members[place]] = shade, _DASHES[place % len(_DASHES)]
    return [
        _Drawn(
            group,
            name,
            looks[index][0] if index < MOST_NAMED else "#c8c8c8",
            looks[index][1],
            index < MOST_NAMED,
            tuple(run.metrics() for run in group.finished),
            tuple(run.metrics() for run in group.runs if run.status == "diverged"),
        )
        for index, (group, name) in enumerate(zip(part, names, strict=True))
    ]


def _comparison_panel(axes: Axes, row: Sequence[_Drawn], kind: str) -> None:
    from matplotlib.collections import LineCollection

    metric = f"val/{kind}"
    _title_panel(axes, f"Validation {_SCORES.get(kind, kind)}")
    count_epochs(axes)
    settled = [curves for one in row for curves in one.finished if metric in curves]
    # A diverging run would leave no room for the others, so it does not set the limits.
    measured = settled or [c for one in row for c in one.diverged if metric in c]
    if not measured or not any(np.isfinite(curves[metric]).any() for curves in measured):
        _say_unmeasured(axes)
        return
    everything = np.concatenate([curves[metric] for curves in measured])
    medians = [_median(one.finished, metric) for one in row]
    ends = [(float(x[-1]), float(band[1][-1])) if x.size else None for x, band in medians]
    if kind == "loss":
        scale_loss(axes, everything)
    else:
        scale_score(axes, everything, [end[1] for end in ends if end])
    axes.set_xlim(*_epoch_limits(np.concatenate([curves["epoch"] for curves in measured])))

    many = sum(len(one.finished) for one in row)
    # The worst first, so that the best are on top.
    for place, (one, (x, band)) in enumerate(reversed(list(zip(row, medians, strict=True)))):
        order = 2 + place
        if len(one.finished) > 1:
            # One collection: an artist for each of thousands of seeds takes time and memory.
            lines = [
                np.column_stack([curves["epoch"], curves[metric]])
                for curves in one.finished
                if metric in curves
            ]
            axes.add_collection(
                LineCollection(
                    lines, colors=one.color, linewidths=0.6,
                    alpha=0.45 if many <= 40 else 0.25, zorder=order,
                )
            )  # fmt: skip
        for curves in one.diverged:
            _draw_diverged(axes, one, curves, metric, order)
        if x.size:
            if len(one.finished) > 1:
                axes.fill_between(
                    x, band[0], band[2], color=one.color, alpha=0.15, linewidth=0, zorder=order
                )
            axes.plot(
                x, band[1], color=one.color, linestyle=one.dash, linewidth=2.0 if one.named else 1,
                marker=_marker(band[1]), zorder=order + len(row),
            )  # fmt: skip
    told = [(end, one) for end, one in zip(ends, row, strict=True) if end and one.named]
    label_ends(
        axes,
        [end for end, _ in told],
        [one.label for _, one in told],
        [one.color for _, one in told],
    )


def _draw_diverged(axes: Axes, one: _Drawn, curves: Curves, metric: str, order: int) -> None:
    if metric not in curves or not np.isfinite(curves[metric]).any():
        return
    epochs, values = curves["epoch"], np.where(np.isfinite(curves[metric]), curves[metric], np.nan)
    axes.plot(epochs, values, color=one.color, linewidth=0.8, alpha=0.8, zorder=order)
    x, y = _last(epochs, values)
    low, high = axes.get_ylim()
    axes.plot(
        [x], [min(max(y, low), high)], "x", color=one.color, markersize=5, markeredgewidth=1.4,
        clip_on=False, zorder=order,
    )  # fmt: skip


def _median(
    runs: Sequence[Curves], metric: str
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Give the epochs that all runs measured, with quartiles and median there."""
    having = [curves for curves in runs if metric in curves]
    nothing = np.empty(0)
    if not having:
        return nothing, (nothing, nothing, nothing)
    length = min(curves["epoch"].size for curves in having)
    stacked = np.stack([curves[metric][:length] for curves in having])
    measured = np.isfinite(stacked).all(axis=0)
    low, middle, high = np.quantile(stacked[:, measured], [0.25, 0.5, 0.75], axis=0)
    return having[0]["epoch"][:length][measured], (low, middle, high)


def _strip_panel(axes: Axes, row: Sequence[_Drawn]) -> None:
    from matplotlib.ticker import MaxNLocator

    metric = next(
        (name for name in _STRIP_METRICS if any(one.group.measured(name) for one in row)), None
    )
    height = axes.get_window_extent().height / axes.figure.dpi
    spare = max(0.0, height / _TALLEST_ROW - len(row)) / 2
    axes.set_ylim(len(row) - 0.45 + spare, -0.55 - spare)
    axes.set_yticks(range(len(row)), [one.label for one in row])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for tick, one in zip(axes.get_yticklabels(), row, strict=True):
        tick.set_color(readable(one.color))
    for place, one in enumerate(row):
        axes.text(
            1.02,
            place,
            _absent(one.group),
            transform=axes.get_yaxis_transform(),
            va="center_baseline",
            color="#b00020",
        )
    if metric is None:
        _title_panel(axes, "Final metric", below="")
        axes.set_xticks([])
        axes.grid(visible=False)
        return
    _title_panel(axes, _STRIP_METRICS[metric], below="")
    points = [one.group.measured(metric) for one in row]
    intervals = [mean_interval(values) for values in points]
    low, high = strip_limits(points, intervals, higher_is_better(metric))
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for place, (one, values, interval) in enumerate(zip(row, points, intervals, strict=True)):
        if values:
            _strip_row(axes, place, one, values, interval)


def _strip_row(
    axes: Axes, place: int, one: _Drawn, values: list[float], interval: tuple[float, float]
) -> None:
    low, high = axes.get_xlim()
    mean = math.fsum(values) / len(values)
    if not low <= mean <= high:
        # Far from the others: say where, rather than squeeze all of them into a corner.
        inside, arrow, side = (0.015, "◂ {}", "left") if mean < low else (0.985, "{} ▸", "right")
        axes.text(
            inside, place, arrow.format(number(mean, 3)), transform=axes.get_yaxis_transform(),
            ha=side, va="center_baseline", color=readable(one.color),
        )  # fmt: skip
        return
    # Points of one group lie on several heights, in the order of the seeds, to be seen apart.
    heights = place + np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else [place]
    axes.scatter(values, heights, s=14, color=one.color, alpha=0.55, linewidths=0, zorder=3)
    if len(values) > 1:
        axes.plot(interval, [place, place], color=INK, linewidth=1.2, zorder=4)
        axes.plot([mean], [place], "|", color=INK, markersize=11, markeredgewidth=1.8, zorder=5)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Give the 95% interval of a mean by Student's t; for one value, that value twice."""
    from scipy.special import stdtrit

    mean = math.fsum(values) / len(values) if values else math.nan
    if len(values) < 2:
        return mean, mean
    half = float(stdtrit(len(values) - 1, 0.975)) * float(np.std(values, ddof=1))
    half /= math.sqrt(len(values))
    return mean - half, mean + half


def strip_limits(
    points: Sequence[Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    higher: bool,
) -> tuple[float, float]:
    """Choose the limits of a strip plot: all points, unless a bad group would hide the rest.

    The better half of the groups (two at least) sets the measure: what lies further from
    them than six times their range, on the bad side, is left outside.
    """
    filled = [list(values) for values in points if values]
    ranked = sorted(filled, key=lambda values: math.fsum(values) / len(values), reverse=higher)
    core = [value for values in ranked[: max(2, (len(ranked) + 1) // 2)] for value in values]
    range_ = max(core) - min(core) or 0.01 * abs(core[0]) or 0.01
    kept = [
        value
        for values in filled
        for value in values
        if (value >= min(core) - 6 * range_ if higher else value <= max(core) + 6 * range_)
    ]
    low, high = min(kept), max(kept)
    room = high - low or 0.01 * abs(low) or 0.01
    # The interval of two or three seeds can be very wide: it may run out of the picture.
    lower = [start for start, _ in intervals if start < low]
    upper = [stop for _, stop in intervals if stop > high]
    reach_low = max(min(lower, default=low), low - 0.5 * room)
    reach_high = min(max(upper, default=high), high + 0.5 * room)
    edge = 0.05 * (reach_high - reach_low) or room
    return reach_low - edge, reach_high + edge


def _absent(group: Group) -> str:
    """Say what is missing from a group's means."""
    counts = [(group.count(status), status) for status in ("diverged", "failed", "interrupted")]
    missing = [(count, status) for count, status in counts if count]
    return ", ".join(
        f"{count} of {len(group.runs)} {status}" if place == 0 else f"{count} {status}"
        for place, (count, status) in enumerate(missing)
    )


def _title(parts: Sequence[Sequence[Group]]) -> str:
    groups = [group for part in parts for group in part]
    counts = sorted({len(group.seeds) for group in groups if group.finished})
    seeds = "no finished runs"
    if counts:
        span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        seeds = f"{span} seed{'' if counts[-1] == 1 else 's'}"
    context = _context([run for group in groups for run in group.runs])
    noun = "optimizer" if telling_keys(parts[0]) == ["optimizer"] else "group"
    count = max(len(part) for part in parts)
    return f"{context}: {count} {noun}{'' if count == 1 else 's'}, {seeds}"


def _context(runs: Sequence[Record]) -> str:
    found = []
    for key in ("dataset", "model"):
        names = sorted({run.choices[key] for run in runs if key in run.choices})
        found += [f"{len(names)} {key}s"] if len(names) > 3 else [" and ".join(names)][: len(names)]
    return ", ".join(found) or "Runs"


def _caption(rows: Sequence[Sequence[_Drawn]]) -> str:
    drawn = [one for row in rows for one in row]
    words = []
    if any(len(one.finished) > 1 for one in drawn):
        words.append(
            "Curves: every seed thin, the median bold with the band between the quartiles, "
            "as far as all seeds went. Right: every seed a point; the bar is the mean, the line "
            "its 95% interval (Student's t)."
        )
    elif any(one.finished for one in drawn):
        words.append("One seed each: another seed may give another order.")
    if any(one.diverged for one in drawn):
        words.append("Diverged runs end in × and are in no median, mean or interval.")
    if any(not one.named for one in drawn):
        words.append(f"The best {MOST_NAMED} groups are in colour and named.")
    longest = max(len(row) for row in rows)
    if longest > _MOST_ROWS:
        words.append(f"The best {_MOST_ROWS} of {longest} groups are on the right.")
    return " ".join(words)


# ---- shared


def _title_panel(axes: Axes, title: str, below: str = "epoch", pad: float = 8) -> None:
    axes.set_title(title, loc="left", size=9, weight="bold", pad=pad)
    axes.set_xlabel(below)


def _say_unmeasured(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=PALE)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("")


def _empty(title: str, message: str) -> Figure:
    figure = new_figure(7, 1.6)
    write(figure, 0.15, 0.12, title, size=10.5, weight="bold")
    write(figure, 0.15, 0.5, wrapped(message, 6.7), color="#b00020", linespacing=1.3)
    return figure


def _score_of(runs: Sequence[Curves]) -> str:
    """Name the score that was measured on validation; accuracy where none was."""
    return next((kind for kind in _SCORES if any(f"val/{kind}" in run for run in runs)), "accuracy")


def _epoch_limits(epochs: NDArray[np.float64]) -> tuple[float, float]:
    last = max(float(np.nanmax(epochs)), 1.0)
    return -0.01 * last, last


def _last(epochs: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    at = int(np.flatnonzero(np.isfinite(values))[-1])
    return float(epochs[at]), float(values[at])


def _marker(values: NDArray[np.float64]) -> str:
    """Show a single measurement, which draws no line, as a point."""
    return "o" if np.isfinite(values).sum() == 1 else ""


def _natural(values: Sequence[object]) -> list[tuple[int, float, str]]:
    return [
        (0, float(value), "")
        if isinstance(value, int | float)
        else (1, 0.0, show(value) if isinstance(value, str) else "")
        for value in values
    ]
