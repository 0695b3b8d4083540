"""Make figures with a title, as all pictures of networks have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experiments.reporting.figures.drawing import new_figure, text_width, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP: Final = 0.4
"""The height of the title in inches."""


def titled_figure(title: str, width: float, height: float) -> Figure:
    """Make a figure with a title above `height` inches, at least as wide as the title."""
    figure = new_figure(max(width, text_width([title], 10) * 1.1 + 0.4), height + TOP)
    write(figure, 0.15, 0.1, title, size=10, weight="bold")
    return figure
