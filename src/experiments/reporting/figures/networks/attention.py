"""Show where the heads of self-attention look, in the first test sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import nn
from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import PALE, panel, readable, style, text_width, write
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.shown import Shown
from experiments.reporting.figures.networks.steps import name_steps
from experiments.runs.network import network_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "Where attention looks"
MOST_GROUPS: Final = 3
MOST_STEPS: Final = 40
_HEADS: Final = 4

Heads = list[NDArray[Any]]
"""The weights of each attention, (heads, steps, steps): of the later axis, for the former."""


def attention_of(one: Shown, dataset: Dataset) -> Heads:
    """Return what each self-attention of a run's network looks at in the first test sequence."""
    network = network_of(one.run, one.run.weights(), trusted=one.trusted)
    attentions = [layer for layer in _inner(network.layers) if isinstance(layer, nn.SelfAttention)]
    if not attentions or dataset.test is None:
        return []
    network.predict(dataset.test.take([0]))
    return [
        layer.attention[0, 0, :_HEADS, :MOST_STEPS, :MOST_STEPS].swapaxes(1, 2).copy()
        for layer in attentions
    ]


def _inner(layers: Sequence[nn.Layer]) -> Iterator[nn.Layer]:
    """Iterate over layers, and those of which they are made."""
    for layer in layers:
        yield layer
        yield from _inner(layer.inner)


def plot_attention(rows: Sequence[tuple[Shown, Heads]], dataset: Dataset) -> Figure:
    """Draw a line for each attention of each run, with a panel for each head.

    Parameters
    ----------
    rows : sequence of (Shown, Heads)
        The groups, best first, and what their networks look at. At most `MOST_GROUPS` are shown.
    dataset : Dataset
        The dataset, of whose first test sequence the steps are named.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        rows = rows[:MOST_GROUPS]
        side, gap = 2.2, 0.25
        left = 0.15 + text_width([one.label for one, _ in rows]) + 0.35
        lines = sum(len(heads) for _, heads in rows)
        most = max(len(head) for _, heads in rows for head in heads)
        figure = titled_figure(TITLE, left + most * (side + gap), lines * (side + gap) + 0.2)
        top = TOP + 0.1
        for one, heads in rows:
            write(figure, 0.15, top, one.label, color=readable(one.color), weight="bold")
            for number, weights in enumerate(heads, 1):
                write(figure, 0.15, top + 0.18, f"block {number}", size=7.5, color=PALE)
                for head, each in enumerate(weights):
                    axes = panel(figure, left + head * (side + gap), top, side, side)
                    axes.imshow(np.sqrt(each), cmap="Blues", vmin=0, vmax=1, aspect="auto")
                    axes.grid(visible=False)
                    name_steps(axes, dataset, len(each), both=head == 0)
                top += side + gap
    return figure
