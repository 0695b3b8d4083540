"""Draw a network as a diagram: a box for each layer, with the shape of a sample behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from experiments.reporting.figures.drawing import (
    INK,
    MUTED,
    PALE,
    REST,
    panel,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from nn.layers import Layer
from nn.layers.shapes import names_of
from nn.typing import Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "The network"
_ACROSS: Final = 6  # boxes in a line
_HEIGHT: Final = 0.62  # of a box, in inches
_GAP: Final = 0.28  # between boxes
_SIZE: Final = 7.5


def plot_diagram(layers: Sequence[Layer]) -> Figure:
    """Draw the layers from left to right, line by line.

    Parameters
    ----------
    layers : sequence of Layer
        Bound layers, in order.

    Returns
    -------
    matplotlib.figure.Figure
    """
    boxes = [("input", _text(layers[0].at.shape), "")]
    for name, layer in zip(names_of(layers), layers, strict=True):
        size = sum(parameter.size for parameter in layer.parameters(layer.at.shape))
        parameters = f"{size:,} parameters" if size else ""
        boxes.append((name, _text(layer.output_shape(layer.at.shape)), parameters))
    with style():
        width = text_width([text for box in boxes for text in box], _SIZE) + 0.2
        lines = -(-len(boxes) // _ACROSS)
        across = min(len(boxes), _ACROSS)
        figure = titled_figure(
            TITLE, 0.3 + across * (width + _GAP), lines * (_HEIGHT + _GAP) + 0.05
        )
        for place, (name, shape, parameters) in enumerate(boxes):
            line, column = divmod(place, _ACROSS)
            left, top = 0.15 + column * (width + _GAP), TOP + line * (_HEIGHT + _GAP) + 0.05
            axes = panel(figure, left, top, width, _HEIGHT)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(visible=True, color=REST)
            write(figure, left + 0.1, top + 0.08, name, _SIZE, color=INK, weight="bold")
            write(figure, left + 0.1, top + 0.25, shape, _SIZE, color=MUTED)
            write(figure, left + 0.1, top + 0.42, parameters, _SIZE, color=PALE)
            if place + 1 < len(boxes):
                write(figure, left + width + 0.07, top + _HEIGHT / 2 - 0.08, "→", 9, color=PALE)
    return figure


def _text(shape: Shape) -> str:
    return " × ".join(map(str, shape))
