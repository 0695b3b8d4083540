"""Draw strip plots: the final metric of each run, and the mean and interval of each group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.analysis.study import Entry, Part
from experiments.reporting.figures.drawing import (
    ALARM,
    INK,
    new_figure,
    panel,
    readable,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.looks import Look
from experiments.reporting.words.formatting import number
from experiments.training import metrics
from experiments.training.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TALLEST_ROW: Final = 0.5  # inches
_WIDTH: Final = 2.9


@dataclass(frozen=True)
class Strip:
    """One row of a strip plot.

    Attributes
    ----------
    look : Look
        The look of the group.
    values : tuple of float
        The values of its runs, in the order of the seeds.
    centre : float
        The mean of the values.
    interval : tuple of float
        The ends of the mean's interval.
    note : str
        The number of runs that went wrong, in words; empty if none did.
    """

    look: Look
    values: tuple[float, ...]
    centre: float
    interval: tuple[float, float]
    note: str = ""


def strip_of(entry: Entry, look: Look, metric: str) -> Strip:
    """Make the strip of a group: the values of its seeds, their mean and its interval."""
    found = entry.metrics.get(metric)
    if found is None:
        return Strip(look, (), math.nan, (math.nan, math.nan), _missing(entry))
    mean = found.mean
    known = math.isfinite(mean.low + mean.high)
    interval = (mean.low, mean.high) if known else (mean.value, mean.value)
    return Strip(look, found.values, mean.value, interval, _missing(entry))


def final_metric(part: Part) -> str:
    """Choose the final metric: test rather than validation, a score rather than a loss."""
    return metrics.final_metric({metric for entry in part.entries for metric in entry.metrics})


def strip_panel(axes: Axes, strips: Sequence[Strip], *, higher: bool) -> None:
    """Draw the metric of each run, one row per group.

    Parameters
    ----------
    axes : Axes
        The axes at their final size, with room for names on the left and notes on the right.
    strips : sequence of Strip
        The strips, best first.
    higher : bool
        Whether higher is better.
    """
    from matplotlib.ticker import MaxNLocator

    height = axes.get_window_extent().height / axes.figure.dpi
    spare = max(0.0, height / _TALLEST_ROW - len(strips)) / 2
    axes.set_ylim(len(strips) - 0.45 + spare, -0.55 - spare)
    axes.set_yticks(range(len(strips)), [one.look.label for one in strips])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for tick, one in zip(axes.get_yticklabels(), strips, strict=True):
        tick.set_color(readable(one.look.color))
    for place, one in enumerate(strips):
        axes.text(
            1.02,
            place,
            one.note,
            transform=axes.get_yaxis_transform(),
            va="center_baseline",
            color=ALARM,
        )
    if not any(one.values for one in strips):
        axes.set_xticks([])
        axes.grid(visible=False)
        return
    points = [one.values for one in strips]
    axes.set_xlim(*strip_limits(points, [one.interval for one in strips], higher))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for place, one in enumerate(strips):
        if one.values:
            _draw_strip(axes, place, one)


def _draw_strip(axes: Axes, place: int, one: Strip) -> None:
    low, high = axes.get_xlim()
    centre, values, color = one.centre, one.values, one.look.color
    if not low <= centre <= high:
        # An outlier is written as a number, because its point would compress all others.
        inside, arrow, side = (0.015, "◂ {}", "left") if centre < low else (0.985, "{} ▸", "right")
        axes.text(
            inside, place, arrow.format(number(centre, 3)), transform=axes.get_yaxis_transform(),
            ha=side, va="center_baseline", color=readable(color),
        )  # fmt: skip
        return
    # The points of a group are spread vertically, in the order of the seeds, to avoid overlap.
    heights = place + np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else [place]
    face, edge = (color, 0.0) if one.look.filled else ("none", 0.9)
    axes.scatter(
        values, heights, s=14, facecolor=face, edgecolor=color, alpha=0.6, linewidths=edge, zorder=3
    )
    if len(values) > 1:
        axes.plot(one.interval, [place, place], color=INK, linewidth=1.2, zorder=4)
        axes.plot([centre], [place], "|", color=INK, markersize=11, markeredgewidth=1.8, zorder=5)


def strip_limits(
    points: Sequence[Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    higher: bool,
) -> tuple[float, float]:
    """Choose the limits of a strip plot: all points, unless a bad group would compress the rest.

    The range of the better half of the groups (at least two) sets the scale: values worse than
    these by more than six times this range lie outside the limits.
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
    # The interval of two or three seeds can be very wide, so it may exceed the limits.
    lower = [start for start, _ in intervals if start < low]
    upper = [stop for _, stop in intervals if stop > high]
    reach_low = max(min(lower, default=low), low - 0.5 * room)
    reach_high = min(max(upper, default=high), high + 0.5 * room)
    edge = 0.05 * (reach_high - reach_low) or room
    return reach_low - edge, reach_high + edge


def _missing(entry: Entry) -> str:
    """Return a note of how many runs went wrong and how many are left out."""
    wrong = entry.divergences
    words = [f"{wrong.total} of {wrong.runs} diverged"] if wrong.total else []
    for status in (Status.FAILED, Status.INTERRUPTED):
        count = entry.group.count(status)
        if count:
            words.append(
                f"{count} {status}" if words else f"{count} of {len(entry.group.runs)} {status}"
            )
    return ", ".join(words)


def plot_strips(strips: Sequence[Strip], title: str, *, higher: bool) -> Figure:
    """Draw strips as a separate figure (see `strip_panel`)."""
    with style():
        left = text_width([one.look.label for one in strips]) + 0.3
        notes = text_width([one.note for one in strips])
        height = 0.26 * len(strips) + 0.1
        width = left + _WIDTH + (notes + 0.25 if notes else 0.15)
        figure = new_figure(width, height + 0.7)
        write(figure, 0.15, 0.1, title, size=10, weight="bold")
        strip_panel(panel(figure, left, 0.38, _WIDTH, height), strips, higher=higher)
    return figure
