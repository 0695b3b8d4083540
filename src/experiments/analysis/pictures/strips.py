"""Strip plots: the final metric of every run, with the mean of each group and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.analysis.formatting import number
from experiments.analysis.groups import Group
from experiments.analysis.pictures.drawing import INK, readable, title_panel
from experiments.analysis.pictures.looks import Drawn
from experiments.analysis.tables import higher_is_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TALLEST_ROW: Final = 0.5  # inches

_STRIP_METRICS: Final = {
    "test/accuracy": "Test accuracy at the best validation epoch",
    "test/r2": "Test R² at the best validation epoch",
    "test/loss": "Test loss at the best validation epoch",
    "best/val_accuracy": "Validation accuracy at the best epoch",
    "best/val_r2": "Validation R² at the best epoch",
    "best/val_loss": "Best validation loss",
}


def strip_panel(axes: Axes, row: Sequence[Drawn]) -> None:
    """Draw the final metric of every run: test accuracy, or the first of these measured."""
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
            absent(one.group),
            transform=axes.get_yaxis_transform(),
            va="center_baseline",
            color="#b00020",
        )
    if metric is None:
        title_panel(axes, "Final metric", below="")
        axes.set_xticks([])
        axes.grid(visible=False)
        return
    title_panel(axes, _STRIP_METRICS[metric], below="")
    points = [one.group.measured(metric) for one in row]
    intervals = [mean_interval(values) for values in points]
    low, high = strip_limits(points, intervals, higher_is_better(metric))
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for place, (one, values, interval) in enumerate(zip(row, points, intervals, strict=True)):
        if values:
            _strip_row(axes, place, one, values, interval)


def _strip_row(
    axes: Axes, place: int, one: Drawn, values: list[float], interval: tuple[float, float]
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


def absent(group: Group) -> str:
    """Say what is missing from a group's means."""
    counts = [(group.count(status), status) for status in ("diverged", "failed", "interrupted")]
    missing = [(count, status) for count, status in counts if count]
    return ", ".join(
        f"{count} of {len(group.runs)} {status}" if place == 0 else f"{count} {status}"
        for place, (count, status) in enumerate(missing)
    )
