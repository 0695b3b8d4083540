"""Draw step curves: the share of runs that reached a target, and performance profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from experiments.analysis.statistics.profiles import Profile
from experiments.analysis.statistics.time_to_target import TimeToTarget
from experiments.reporting.figures.drawing import (
    count_epochs,
    label_ends,
    label_gutter,
    new_figure,
    panel,
    style,
    wrapped,
    write,
)
from experiments.reporting.figures.looks import Look
from experiments.reporting.words.formatting import compact, counts, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEFT: Final = 0.55  # inches
_WIDTH: Final = 2.8


def plot_times(entries: Sequence[tuple[Look, TimeToTarget]], target: str, last: float) -> Figure:
    """Draw the share of runs that reached a target over time, with medians next to the names.

    Parameters
    ----------
    entries : sequence of (Look, TimeToTarget)
        The looks and times of the groups, at least one.
    target : str
        The target in words, such as `validation accuracy 0.97`.
    last : float
        The end of the runs' budget, in the unit of the times.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ranked = sorted(entries, key=lambda entry: (entry[1].median.value, -entry[1].reached))
    curves = []
    for look, times in ranked:
        steps = [(place, share.value) for place, share in times.curve()]
        (middle,) = counts([times.median.value])
        curves.append((look, middle, steps))
    reached = [time for _, times in ranked for time in times.times if math.isfinite(time)]
    end = 1.02 * min(last, 1.1 * max(reached, default=last)) or 1.0
    unit = ranked[0][1].unit
    return _plot(curves, f"Runs that reached {target}", unit, 0.0, end, whole=unit != "seconds")


def plot_profiles(entries: Sequence[tuple[Look, Profile]]) -> Figure:
    """Draw performance profiles on a logarithmic axis, with their areas next to the names.

    Parameters
    ----------
    entries : sequence of (Look, Profile)
        The looks and profiles of the groups, at least one, largest area first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    curves = [
        (look, number(profile.area, 2), list(zip(profile.factors, profile.shares, strict=True)))
        for look, profile in entries
    ]
    end = max(4.0, *(min(factor, 64.0) for _, profile in entries for factor in profile.factors))
    title = "Problems solved within a factor of the fastest"
    return _plot(curves, title, "factor", 1.0, end, log=True)


def _plot(
    curves: Sequence[tuple[Look, str, list[tuple[float, float]]]],
    title: str,
    below: str,
    start: float,
    end: float,
    *,
    log: bool = False,
    whole: bool = False,
) -> Figure:
    """Draw shares as step curves; of overlapping labels, the earlier is placed higher."""
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        NullFormatter,
        NullLocator,
        PercentFormatter,
    )

    texts = [f"{look.label}  {said}" for look, said, _ in curves]
    with style():
        width = _LEFT + _WIDTH + label_gutter(texts)
        heading = wrapped(title, width - 0.4, 10.5)
        height = max(2.3, 0.175 * len(curves))
        top = 0.42 + 0.17 * heading.count("\n")
        figure = new_figure(width, top + height + 0.55)
        write(figure, 0.15, 0.1, heading, size=10, weight="bold")
        axes = panel(figure, _LEFT, top, _WIDTH, height)
        if log:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 16, 32, 64]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
        elif whole:
            count_epochs(axes)
        axes.set_xlim(start, end)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel(below)
        ends = []
        for place, (look, _, steps) in enumerate(curves):
            inside = [(x, y) for x, y in steps if x <= end]
            ends.append((end, inside[-1][1] if inside else 0.0))
            axes.step(
                [start, *(x for x, _ in inside), end], [0.0, *(y for _, y in inside), ends[-1][1]],
                where="post", color=look.color, linestyle=look.dash, linewidth=1.8,
                zorder=2 + len(curves) - place,
            )  # fmt: skip
        # Labels with equal positions are stacked upwards in order, so the order is reversed.
        label_ends(axes, ends[::-1], texts[::-1], [look.color for look, _, _ in reversed(curves)])
    return figure
