"""Draw sensitivity curves: a metric over the values tried for a setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.analysis.statistics.sensitivity import Sensitivity
from experiments.palette import color_of
from experiments.reporting.figures.drawing import (
    ALARM,
    MUTED,
    REST,
    new_figure,
    panel,
    readable,
    scale_loss,
    style,
    write,
)
from experiments.reporting.words.formatting import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 4.5  # inches, for two
_WHOLE_PAGE: Final = 10.4
_MOST_ACROSS: Final = 7
_LEFT: Final = 0.55
_GAP: Final = 0.22
_HEADING: Final = 0.36


def plot_sensitivity(
    found: Sequence[Sensitivity], chosen: Mapping[str, float], title: str
) -> Figure:
    """Draw a small panel for each optimizer, with the curves of the others in grey behind it.

    Each seed is a point, the curve passes through the averages by which values are chosen, a ring
    marks the chosen value, and the range that works is shaded. A cross marks a value at which runs
    diverged; tuning cannot choose it, so the curve has a gap there.

    Parameters
    ----------
    found : sequence of Sensitivity
        The sensitivities to one setting by one metric, at least one.
    chosen : mapping of str to float
        The value that tuning chose, by optimizer; it is marked instead of the best value.
    title : str
        The title of the metric, such as `Best validation loss`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    setting = found[0].key.rsplit(".", 1)[-1]
    down = math.ceil(len(found) / _MOST_ACROSS)
    across = math.ceil(len(found) / down)
    page = _WHOLE_PAGE if len(found) > 2 else _WIDTH
    wide = (page - _LEFT - 0.14 - _GAP * (across - 1)) / across
    tall = 1.1 if down > 1 else 1.45
    with style():
        figure = new_figure(page, 0.28 + down * (tall + _HEADING) + 0.5)
        write(figure, 0.15, 0.1, f"{title} over {setting}", size=10, weight="bold")
        for place, one in enumerate(found):
            row, column = divmod(place, across)
            top = 0.28 + _HEADING + row * (tall + _HEADING)
            axes = panel(figure, _LEFT + column * (wide + _GAP), top, wide, tall)
            _scale(axes, found)
            others = [other for other in found if other is not one]
            _draw(axes, one, others, chosen.get(one.optimizer, one.best))
            lowest = place + across >= len(found)
            axes.tick_params(labelleft=column == 0, labelbottom=lowest)
            axes.set_xlabel(setting if lowest else "")
    return figure


def _scale(axes: Axes, found: Sequence[Sensitivity]) -> None:
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogLocator,
        NullFormatter,
        NullLocator,
    )

    values = sorted({tried.value for one in found for tried in one.tried})
    if values[0] > 0 and values[-1] / values[0] > 20:
        axes.set_xscale("log")
        room = (values[-1] / values[0]) ** 0.05
        axes.set_xlim(values[0] / room, values[-1] * room)
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        room = 0.05 * (values[-1] - values[0]) or 0.5
        axes.set_xlim(values[0] - room, values[-1] + room)
        axes.xaxis.set_major_locator(FixedLocator(values, nbins=4))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    scale_loss(axes, np.array([score for one in found for t in one.tried for score in t.scores]))


def _draw(axes: Axes, one: Sensitivity, others: Sequence[Sensitivity], chosen: float) -> None:
    color = color_of(one.optimizer)
    floor = axes.get_ylim()[0]
    at_edge = len(one.tried) > 1 and chosen in (one.tried[0].value, one.tried[-1].value)
    if math.isfinite(one.low + one.high):
        axes.axvspan(one.low, one.high, color=color, alpha=0.1, linewidth=0, zorder=1)
    for other in others:
        axes.plot(*_curve(other, floor), color=REST, linewidth=0.8, zorder=2)
    axes.plot(*_curve(one, floor), color=color, linewidth=1.8, zorder=3)
    for tried in one.tried:
        axes.scatter(
            [tried.value] * len(tried.scores), np.maximum(tried.scores, floor), s=8, color=color,
            alpha=0.5, linewidths=0, zorder=4, clip_on=False,
        )  # fmt: skip
        if tried.value == chosen:
            axes.plot(
                [tried.value], [max(tried.middle, floor)], "o", color=color, markersize=6.5,
                markerfacecolor="white", markeredgewidth=1.6, zorder=5, clip_on=False,
            )  # fmt: skip
        if tried.diverged:
            axes.plot(
                [tried.value], [0.92], "x", color=ALARM, markersize=4.5, markeredgewidth=1.3,
                transform=axes.get_xaxis_transform(), zorder=6,
            )  # fmt: skip
    axes.set_title(one.optimizer, loc="left", size=8.5, weight="bold", color=readable(color), pad=4)
    axes.set_title(
        f"{compact(chosen)}{' (edge)' if at_edge else ''}", loc="right", size=8, pad=4,
        color=ALARM if at_edge else MUTED,
    )  # fmt: skip


def _curve(one: Sensitivity, floor: float) -> tuple[list[float], list[float]]:
    """Return the values and their averages; a loss of 0 lies on the floor of a logarithmic axis."""
    values = [tried.value for tried in one.tried]
    return values, [max(tried.middle, floor) for tried in one.tried]
