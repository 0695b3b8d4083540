"""Show the kernels of a first convolution, and what in the test data each answers to most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import nn
from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import PALE, panel, readable, style, text_width, write
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.samples import draw_sample
from experiments.reporting.figures.networks.shown import Shown
from experiments.runs.network import network_of
from nn.layers.convolution import Convolution
from nn.layers.shapes import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "The first filters"
MOST_GROUPS: Final = 6
_FILTERS: Final = 10
_ROWS: Final = 1000  # of the test part that are looked through


@dataclass(frozen=True, eq=False)
class Filter:
    """A channel of a convolution of the samples themselves.

    Attributes
    ----------
    kernel : ndarray of shape (channels, *kernel)
        The kernel of the filter.
    seen : ndarray of the same shape
        The window of the test part for which its output is largest, in the network's units.
    """

    kernel: NDArray[Any]
    seen: NDArray[Any]


def first_filters(one: Shown, dataset: Dataset) -> list[Filter]:
    """Return the first channels of a run's first convolution; none if it does not begin with one.

    There are none either if the convolution has groups or a dilation.
    """
    weights = one.run.weights()
    layers = network_of(one.run, weights, trusted=one.trusted).layers
    begin = next((place for place, layer in enumerate(layers) if not layer.only_in_training), 0)
    layer, name = layers[begin], names_of(layers)[begin]
    if not isinstance(layer, Convolution) or layer.groups > 1 or dataset.test is None:
        return []
    windows = layer.windows(dataset.shape)
    if set(windows.dilation) != {1}:
        return []
    alone = [replace(layer), nn.Flatten()]  # the first of its kind here, too: its name is the same
    network = nn.Network(alone, dataset.shape, loss=nn.MeanSquaredError())
    network.load({key: value for key, value in weights.items() if key.startswith(f"{name}/")})
    count = min(_ROWS, len(dataset.test))
    samples = dataset.test.take(range(count)).reshape(count, *dataset.shape)
    answers = network.predict(samples)[0].reshape(count, layer.channels, *windows.count)
    around = [(0, 0), *zip(windows.before, windows.after, strict=True)]
    found = []
    for channel in range(min(layer.channels, _FILTERS)):
        row, *place = np.unravel_index(answers[:, channel].argmax(), answers[:, channel].shape)
        padded = np.pad(samples[row], around, constant_values=layer.padding_value)
        window = tuple(
            slice(at * step, at * step + size)
            for at, step, size in zip(place, windows.stride, windows.kernel, strict=True)
        )
        found.append(Filter(weights[f"{name}/weights"][channel], padded[(slice(None), *window)]))
    return found


def plot_filters(rows: Sequence[tuple[Shown, list[Filter]]]) -> Figure:
    """Draw two lines for each run: kernels, and below each what it answers to most.

    Parameters
    ----------
    rows : sequence of (Shown, list of Filter)
        The groups, best first, and their filters. At most `MOST_GROUPS` are shown.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        rows = rows[:MOST_GROUPS]
        side, gap = 0.55, 0.1
        left = 0.15 + text_width([one.label for one, _ in rows]) + 0.25
        line = 2 * side + gap + 0.25
        most = max(len(filters) for _, filters in rows)
        figure = titled_figure(TITLE, left + most * (side + gap) + 0.1, len(rows) * line)
        for number, (one, filters) in enumerate(rows):
            top = TOP + number * line + 0.05
            write(figure, 0.15, top + side - 0.16, one.label, color=readable(one.color),
                  weight="bold")  # fmt: skip
            write(figure, 0.15, top + side, f"seed {one.run.seed}", size=7.5, color=PALE)
            for column, shown in enumerate(filters):
                start = left + column * (side + gap)
                draw_sample(panel(figure, start, top, side, side), shown.kernel, signed=True)
                below = panel(figure, start, top + side + gap / 2, side, side)
                draw_sample(below, shown.seen)
    return figure
