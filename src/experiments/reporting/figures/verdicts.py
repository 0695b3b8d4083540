"""Draw the table of verdicts, which shows at a glance which groups are separated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from experiments.analysis.pairs import Pair
from experiments.reporting.figures.drawing import (
    MUTED,
    REST,
    new_figure,
    panel,
    readable,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.looks import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL: Final = 0.22  # inches


def plot_verdicts(entries: Sequence[tuple[str, Look]], pairs: Sequence[Pair], title: str) -> Figure:
    """Draw each pair as a square in the row's colour if the row is better, as a grey dot if not.

    Equivalent groups have an equals sign.

    Parameters
    ----------
    entries : sequence of (str, Look)
        The labels of the pairs' groups with their looks, best first; at least two.
    pairs : sequence of Pair
        The pairs of these entries.
    title : str
        The title of the metric, such as `Best validation loss`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    places = {label: place for place, (label, _) in enumerate(entries)}
    count = len(entries)
    with style():
        names = [f"{place + 1}  {look.label}" for place, (_, look) in enumerate(entries)]
        left = 0.15 + text_width(names) + 0.12
        size = count * _CELL
        heading = f"{title}: which groups are separated"
        width = max(left + size + 0.2, text_width([heading], 10) * 1.1 + 0.3)
        figure = new_figure(width, 0.62 + size + 0.15)
        write(figure, 0.15, 0.1, heading, size=10, weight="bold")
        axes = panel(figure, left, 0.62, size, size)
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(count - 0.5, -0.5)
        axes.grid(visible=False)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.set_xticks(range(count), [str(place + 1) for place in range(count)], color=MUTED)
        axes.set_yticks(range(count), names)
        for tick, (_, look) in zip(axes.get_yticklabels(), entries, strict=True):
            tick.set_color(readable(look.color))
        for pair in pairs:
            row, column = places[pair.first], places[pair.second]
            mark, size, color = "o", 3, REST
            if pair.first_is_better:
                mark, size, color = "s", 11, entries[row][1].color
            elif pair.equivalent:
                mark, size, color = "$=$", 8, MUTED
            axes.plot([column], [row], mark, color=color, markersize=size, markeredgewidth=0)
    return figure
