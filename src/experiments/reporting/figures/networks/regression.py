"""Draw predictions against true values, for regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import PALE, panel, readable, style, wrapped
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.outputs import best_outputs
from experiments.reporting.figures.networks.shown import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "Predicted against true"
_COLUMNS: Final = 4
_SIDE: Final = 2.1  # inches
_MOST_POINTS: Final = 2000
MOST_TARGETS: Final = 4


def plot_predictions(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    """Draw the predictions of each run's best weights against the true values of the test part.

    All panels of a target have the same axes, in raw units, and the line of exact predictions. If
    there are several targets, each run has a row of panels for the first `MOST_TARGETS`.

    Parameters
    ----------
    rows : sequence of Shown
        The groups to show, whose runs finished, best first.
    dataset : Dataset
        The dataset, with a regression task.

    Returns
    -------
    matplotlib.figure.Figure
    """
    decode = dataset.preprocessing.decode_targets
    inputs = dataset.parts["test"].inputs
    true = decode(dataset.parts["test"].targets)
    names = dataset.target_names[:MOST_TARGETS]
    predicted = [decode(best_outputs(one.run, inputs, trusted=one.trusted)) for one in rows]
    columns = len(names) if len(names) > 1 else min(_COLUMNS, len(rows))
    limits = [_limits(true[:, i], [p[:, i] for p in predicted]) for i in range(len(names))]
    with style():
        cell, line = _SIDE + 0.6, _SIDE + 1.0
        lines = -(-len(rows) * len(names) // columns)
        figure = titled_figure(TITLE, 0.35 + columns * cell, lines * line)
        panels = [
            (one, values, i)
            for one, values in zip(rows, predicted, strict=True)
            for i in range(len(names))
        ]
        for place, (one, values, i) in enumerate(panels):
            row, column = divmod(place, columns)
            axes = panel(figure, 0.7 + column * cell, TOP + row * line + 0.45, _SIDE, _SIDE)
            _scatter(axes, one, true[:, i], values[:, i], limits[i])
            axes.set_xlabel(wrapped(f"true {names[i]}", _SIDE), labelpad=2)
            if column == 0:
                axes.set_ylabel("predicted", labelpad=2)
    return figure


def r_squared(true: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Compute 1 - Σ(ŷ-y)² / Σ(y-ȳ)²; NaN if y does not vary."""
    variation = float(((true - true.mean()) ** 2).sum())
    return 1 - float(((predicted - true) ** 2).sum()) / variation if variation else float("nan")


def _scatter(
    axes: Axes,
    one: Shown,
    true: NDArray[np.float64],
    predicted: NDArray[np.float64],
    limits: tuple[float, float],
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(one.label, loc="left", size=9, weight="bold", color=readable(one.color), pad=14)
    score = f"R² = {r_squared(true, predicted):.3f}".replace("-", "−")
    outside = int(((predicted < limits[0]) | (predicted > limits[1])).sum())
    if outside:
        score += f", {outside} outside"
    axes.text(0, 1.015, score, transform=axes.transAxes, size=7.5, va="bottom")
    axes.plot(limits, limits, color=PALE, linewidth=0.9, zorder=2)
    thinned = slice(None, None, -(-len(true) // _MOST_POINTS))
    axes.scatter(
        true[thinned], predicted[thinned], s=12, color=one.color, alpha=0.6, linewidths=0, zorder=3
    )
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=7.5)


def _limits(
    true: NDArray[np.float64], predicted: Sequence[NDArray[np.float64]]
) -> tuple[float, float]:
    """Return limits that include all true values, and predictions up to half their range beyond."""
    low, high = float(true.min()), float(true.max())
    reach = 0.5 * (high - low) or 1.0
    finite = [values[np.isfinite(values)] for values in predicted]
    everything = np.concatenate([[low, high], *finite])
    bottom = max(low - reach, float(everything.min()))
    top = min(high + reach, float(everything.max()))
    room = 0.04 * (top - bottom)
    return bottom - room, top + room
