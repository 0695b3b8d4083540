"""Draw a forest plot: the differences of pairs, with their intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from experiments.analysis.pairs import Pair
from experiments.reporting.figures.drawing import (
    GRID,
    MUTED,
    PALE,
    new_figure,
    panel,
    readable,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.looks import Look
from experiments.reporting.words.formatting import number
from experiments.reporting.words.verdicts import verdict_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW: Final = 0.24  # inches
_WIDTH: Final = 1.9
_LEFT: Final = 0.15
_GAP: Final = 0.14


def plot_differences(pairs: Sequence[Pair], looks: Mapping[str, Look], title: str) -> Figure:
    """Draw one row per pair, in the given order: the difference and its adjusted interval.

    Parameters
    ----------
    pairs : sequence of Pair
        The pairs, at least one. If all have the same first group, only the title names it.
    looks : mapping of str to Look
        The looks of the entries, by label.
    title : str
        The title of the metric, such as `Best validation loss`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    best = looks[pairs[0].first] if len({pair.first for pair in pairs}) == 1 < len(pairs) else None
    rows = [(looks[pair.first], looks[pair.second], pair) for pair in pairs]
    firsts = ["" if best else f"{first.label} " for first, _, _ in rows]
    with style():
        names = text_width(firsts) + 0.04 if not best else 0.0
        seconds = [second.label if best else f"– {second.label}" for _, second, _ in rows]
        verdicts = text_width([verdict_of(pair, first.label) for first, _, pair in rows])
        left = _LEFT + names + text_width(seconds) + _GAP
        height = _ROW * len(pairs) + 0.08
        heading = f"{title}: {f'{best.label} minus the others' if best else 'differences'}"
        width = max(left + _WIDTH + _GAP + verdicts + 0.1, text_width([heading], 10) * 1.1 + 0.3)
        figure = new_figure(width, height + 0.98)
        write(figure, _LEFT, 0.1, heading, size=10, weight="bold")
        axes = panel(figure, left, 0.42, _WIDTH, height)
        _scale(axes, pairs)
        for row, ((first, second, pair), text) in enumerate(zip(rows, seconds, strict=True)):
            _draw(axes, row, pair, first)
            names_at = (_LEFT - left) / _WIDTH
            if not best:
                _say(axes, names_at, row, first.label, readable(first.color))
            _say(
                axes, names_at + names / _WIDTH, row, text,
                readable(second.color) if best else MUTED,
            )  # fmt: skip
            shade = readable(first.color) if pair.first_is_better else MUTED
            _say(axes, 1 + _GAP / _WIDTH, row, verdict_of(pair, first.label), shade)
    return figure


def _scale(axes: Axes, pairs: Sequence[Pair]) -> None:
    """Set limits that show every interval, except those too wide to leave room for the rest."""
    from matplotlib.ticker import MaxNLocator

    ends = [
        (min(end.low, end.value), max(end.high, end.value))
        if math.isfinite(end.low + end.high)
        else (end.value, end.value)
        for end in (pair.adjusted for pair in pairs)
    ]
    reaches = sorted(max(map(abs, end)) for end in ends)
    most = 8 * reaches[(len(reaches) - 1) // 2] or reaches[-1]
    shown = [end for end in ends if max(map(abs, end)) <= most] or ends
    low, high = min(0.0, *(a for a, _ in shown)), max(0.0, *(b for _, b in shown))
    room = 0.06 * (high - low) or 1.0
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
    axes.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    if (margin := pairs[0].margin) is not None:
        axes.axvspan(max(-margin, low - room), min(margin, high + room), color=GRID, zorder=0)
    axes.set_xlabel(_direction(pairs))


def _direction(pairs: Sequence[Pair]) -> str:
    """Say on which side of 0 the first group, which is better on average, is better."""
    widest = max((pair.difference.value for pair in pairs), key=abs)
    return "← in favour of the first" if widest < 0 else "in favour of the first →"


def _draw(axes: Axes, row: int, pair: Pair, first: Look) -> None:
    start, end = axes.get_xlim()
    color = first.color if pair.first_is_better else PALE
    value, interval = pair.difference.value, pair.adjusted
    if not start <= value <= end:
        inside, arrow, side = (0.015, "◂ {}", "left") if value < start else (0.985, "{} ▸", "right")
        axes.text(
            inside, row, arrow.format(number(value, 3)), transform=axes.get_yaxis_transform(),
            ha=side, va="center_baseline", color=readable(color), size=8,
        )  # fmt: skip
        return
    low, high = max(interval.low, start), min(interval.high, end)
    if math.isfinite(interval.low + interval.high):
        axes.plot([low, high], [row, row], color=color, linewidth=2.2, zorder=3)
    axes.plot(
        [value], [row], "o", markersize=5.5, markerfacecolor=color if pair.settled else "white",
        markeredgecolor=color, markeredgewidth=1.4, zorder=5,
    )  # fmt: skip


def _say(axes: Axes, x: float, row: int, text: str, color: str) -> None:
    axes.text(x, row, text, transform=axes.get_yaxis_transform(), color=color, va="center_baseline")
