"""Show the states of a recurrent network over the steps of the first test sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from nn.layers.recurrent import Recurrent
from nn.layers.shapes import names_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "Hidden states over time"
MOST_GROUPS: Final = 4
MOST_STEPS: Final = 100
MOST_UNITS: Final = 64


def states_of(one: Shown, dataset: Dataset) -> NDArray[Any] | None:
    """Return the states of a run's last recurrent layer in the first test sequence.

    Returns
    -------
    ndarray of shape (units, steps), or None
        None if there is no such layer, or no test part.
    """
    weights = one.run.weights()
    network = network_of(one.run, weights, trusted=one.trusted)
    places = [k for k, layer in enumerate(network.layers) if isinstance(layer, Recurrent)]
    if not places or dataset.test is None:
        return None
    layers = [replace(layer) for layer in network.layers[: places[-1] + 1]]
    layers[-1] = replace(layers[-1], output="all")  # type: ignore[call-arg]  # of `Recurrent`
    kept = nn.Network(
        layers, network.shape, loss=nn.MeanSquaredError(), padded=dataset.samples.padded
    )
    names = tuple(f"{name}/" for name in names_of(layers))
    kept.load({key: value for key, value in weights.items() if key.startswith(names)})
    states: NDArray[Any] = kept.predict(dataset.test.take([0]))[0, 0].T
    return states[:MOST_UNITS, :MOST_STEPS]


def plot_states(rows: Sequence[tuple[Shown, NDArray[Any]]], dataset: Dataset) -> Figure:
    """Draw a line for each unit, from the first step to the last: red is positive, blue negative.

    Parameters
    ----------
    rows : sequence of (Shown, ndarray of shape (units, steps))
        The groups, best first, and their states. At most `MOST_GROUPS` are shown.
    dataset : Dataset
        The dataset, of whose first test sequence the steps are named.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        rows = rows[:MOST_GROUPS]
        width = max(3.0, 0.085 * max(states.shape[1] for _, states in rows))
        heights = [max(0.6, 0.05 * len(states)) for _, states in rows]
        left = 0.15 + text_width([one.label for one, _ in rows]) + 0.25
        figure = titled_figure(TITLE, left + width + 0.15, sum(heights) + 0.35 * len(rows) + 0.1)
        top = TOP + 0.05
        for (one, states), height in zip(rows, heights, strict=True):
            write(figure, 0.15, top, one.label, color=readable(one.color), weight="bold")
            write(figure, 0.15, top + 0.18, f"seed {one.run.seed}", size=7.5, color=PALE)
            axes = panel(figure, left, top, width, height)
            limit = max(float(np.abs(states).max()), 1e-300)
            axes.imshow(states, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
            axes.grid(visible=False)
            name_steps(axes, dataset, states.shape[1])
            top += height + 0.35
    return figure
