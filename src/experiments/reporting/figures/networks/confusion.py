"""Draw confusion matrices: which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.escape import visible
from experiments.reporting.figures.drawing import (
    INK,
    panel,
    readable,
    style,
    text_width,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.outputs import best_outputs, predicted_classes
from experiments.reporting.figures.networks.shown import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "Which class is mistaken for which"
_COLUMNS: Final = 4
_MOST_COUNTED: Final = 14  # classes; with more, the counts do not fit into the cells
_NAME_LENGTH: Final = 12


def confusion_counts(
    true: NDArray[Any], predicted: NDArray[Any], classes: int
) -> NDArray[np.int64]:
    """Count rows by true class (first axis) and predicted class."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def plot_confusion(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    """Draw the confusion matrix on the test part of each run's best weights.

    The colour of a cell shows its share of the row (the true class) on a square-root scale, so
    that rare mistakes are visible. The number is the count; 0 is not written.

    Parameters
    ----------
    rows : sequence of Shown
        The groups to show, whose runs finished, best first.
    dataset : Dataset
        The dataset, with one class per row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [_short(visible(name)) for name in dataset.target_names]
    classes = len(names)
    columns = min(_COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    side = 2.6 if classes > 4 else 1.7
    with style():
        upright = text_width(names, 7) > 0.9 * side / classes
        left, below = text_width(names, 7) + 0.45, 0.3 + (text_width(names, 7) if upright else 0.12)
        line = 0.42 + side + below
        figure = titled_figure(TITLE, left + columns * (side + 0.3), lines * line)
        for place, one in enumerate(rows):
            row, column = divmod(place, columns)
            axes = panel(figure, left + column * (side + 0.3), TOP + row * line + 0.42, side, side)
            outputs = best_outputs(one.run, dataset.parts["test"].inputs, trusted=one.trusted)
            predicted = predicted_classes(outputs)
            counts = confusion_counts(dataset.parts["test"].targets, predicted, classes)
            _matrix(axes, counts, one)
            axes.set_xticks(range(classes), names, rotation=90 if upright else 0)
            axes.set_yticks(range(classes), names if column == 0 else [""] * classes)
            axes.tick_params(length=0, labelsize=7, pad=2)
            axes.set_xlabel("predicted", labelpad=2, size=7.5)
            if column == 0:
                axes.set_ylabel("true", labelpad=2, size=7.5)
    return figure


def _matrix(axes: Axes, counts: NDArray[np.int64], one: Shown) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    dark = readable(one.color)
    shading = LinearSegmentedColormap.from_list("shares", ["white", dark])
    axes.imshow(np.sqrt(shares), cmap=shading, vmin=0, vmax=1, interpolation="nearest")
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(one.label, loc="left", size=9, weight="bold", color=dark, pad=14)
    axes.text(
        0, 1.015, f"{right} of {total} right, {right / total:.1%}",
        transform=axes.transAxes, size=7.5, va="bottom",
    )  # fmt: skip
    axes.grid(visible=False)
    edges = np.arange(len(counts) + 1) - 0.5
    lines: dict[str, Any] = {"colors": "#dddddd", "linewidth": 0.6, "clip_on": False}
    axes.hlines(edges, -0.5, len(counts) - 0.5, **lines)
    axes.vlines(edges, -0.5, len(counts) - 0.5, **lines)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(counts) > _MOST_COUNTED:
        return
    size = 6.5 if len(counts) > 4 else 9
    for row, column in np.argwhere(counts):
        axes.text(
            column, row, f"{counts[row, column]}", ha="center", va="center_baseline", size=size,
            color="white" if shares[row, column] > 0.45 else INK,
        )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"
