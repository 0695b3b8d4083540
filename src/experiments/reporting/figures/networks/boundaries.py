"""Draw decision boundaries over time, for data with two inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import (
    INK,
    PALE,
    panel,
    readable,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.outputs import class_shares
from experiments.reporting.figures.networks.shown import Shown
from experiments.runs.network import network_of
from experiments.runs.record import Record
from experiments.training.snapshots import snapshot_epochs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "Decision boundaries over time"
_MOMENTS: Final = 6
_GRID: Final = 70  # points along each side
_MOST_POINTS: Final = 250
# Purple and green of ColorBrewer's PRGn, and similar ones; none is an optimizer's colour.
_CLASS_COLORS: Final = ("#7b3294", "#008837", "#e08214", "#4575b4", "#8c510a", "#c51b7d")


def boundary_epochs(rows: Sequence[Shown]) -> list[int]:
    """Choose the epochs to show: the first, the last, and a geometric progression between.

    Only epochs at which a run has a snapshot are chosen (see `Record.snapshots`).
    """
    kept = np.unique(np.concatenate([one.run.snapshots()["epoch"] for one in rows]))
    last = int(kept[-1])
    wanted = snapshot_epochs(_MOMENTS, max(last, 1), features=2)
    return sorted({int(kept[np.abs(kept - epoch).argmin()]) for epoch in wanted})


def plot_boundaries(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    """Draw how each run's network divides the plane, one row per run and one column per epoch.

    The tint shows the probabilities of the classes, lines show where the prediction changes, and
    points are training data. The validation accuracy at the epoch is above each panel.

    Parameters
    ----------
    rows : sequence of Shown
        The groups to show, whose runs have snapshots.
    dataset : Dataset
        The dataset, with two inputs and one class per row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    epochs = boundary_epochs(rows)
    side = 1.3 if len(rows) <= 6 else 1.0
    window = _window(dataset.train.inputs)
    names = dataset.target_names
    with style():
        left = 0.15 + text_width([one.label for one in rows]) + 0.2
        line = side + 0.27
        figure = titled_figure(
            TITLE, left + len(epochs) * (side + 0.1) + 0.05, 0.52 + len(rows) * line
        )
        for column, epoch in enumerate(epochs):
            title = "before training" if epoch == 0 else f"epoch {epoch}"
            write(figure, left + column * (side + 0.1), TOP + 0.08, title, size=8, weight="bold")
        for row, one in enumerate(rows):
            top = TOP + 0.44 + row * line
            write(
                figure, 0.15, top + side / 2 - 0.16, one.label,
                color=readable(one.color), weight="bold",
            )  # fmt: skip
            write(figure, 0.15, top + side / 2, f"seed {one.run.seed}", size=7.5, color=PALE)
            found = class_regions(one.run, epochs, window, _GRID, trusted=one.trusted)
            scores = one.run.metrics().get("val/accuracy", np.empty(0))
            for column, epoch in enumerate(epochs):
                axes = panel(figure, left + column * (side + 0.1), top, side, side)
                if epoch not in found:
                    _say(axes, _ended(one.run))
                    continue
                _regions(axes, found[epoch], window)
                _points(axes, dataset)
                if epoch < len(scores):
                    said = f"{scores[epoch]:.1%}"
                    axes.text(0, 1.02, said, transform=axes.transAxes, size=7, va="bottom")
        for name, color in zip(names, _colors(len(names)), strict=True):
            write(
                figure, left, TOP + 0.3 + len(rows) * line, f"● {name}", size=8, color=tuple(color)
            )
            left += text_width([f"● {name}"], 8) + 0.2
    return figure


def class_regions(
    record: Record,
    epochs: Sequence[int],
    window: tuple[float, float, float, float],
    grid: int,
    *,
    trusted: frozenset[str],
) -> dict[int, NDArray[np.float64]]:
    """Compute the shares of the classes on a grid in the plane of the inputs.

    Parameters
    ----------
    record : Record
        A run with snapshots.
    epochs : sequence of int
        The epochs to compute; epochs without a snapshot are skipped.
    window : tuple of float
        The left, right, bottom and top of the grid.
    grid : int
        The number of points along each side.
    trusted : frozenset of str
        The trusted packages (see `network_of`).

    Returns
    -------
    dict of int to float64 ndarray of shape (grid, grid, classes)
        The shares by epoch, from bottom to top, then from left to right.
    """
    kept = record.snapshots()
    moments = kept.pop("epoch").tolist()
    there = [epoch for epoch in epochs if epoch in moments]
    places = [moments.index(epoch) for epoch in there]
    weights = {name: a[places] for name, a in kept.items()}
    network = network_of(record, weights, len(places), trusted=trusted)
    x, y = np.meshgrid(np.linspace(*window[:2], grid), np.linspace(*window[2:], grid))
    outputs = network.predict(np.stack([x.ravel(), y.ravel()], axis=1))
    shares = class_shares(record, outputs, trusted=trusted)
    return dict(zip(there, shares.reshape(len(there), grid, grid, -1), strict=True))


def _window(inputs: NDArray[Any]) -> tuple[float, float, float, float]:
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    room = 0.15 * np.maximum(high - low, 1e-9)
    (left, bottom), (right, top) = low - room, high + room
    return float(left), float(right), float(bottom), float(top)


def _colors(classes: int) -> NDArray[np.float64]:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(_CLASS_COLORS[i % len(_CLASS_COLORS)]) for i in range(classes)])


def _regions(
    axes: Axes, shares: NDArray[np.float64], window: tuple[float, float, float, float]
) -> None:
    classes = shares.shape[-1]
    tints = 1 - 0.45 * (1 - _colors(classes))  # pale, so that points stand out
    axes.imshow(
        np.clip(shares @ tints, 0, 1), extent=window, origin="lower", aspect="auto",
        interpolation="bilinear",
    )  # fmt: skip
    for cls in range(classes if classes > 2 else 1):
        lead = shares[..., cls] - np.delete(shares, cls, axis=-1).max(axis=-1)
        if lead.min() < 0 < lead.max():
            axes.contour(
                lead, levels=[0], extent=window, origin="lower", colors=INK, linewidths=0.8
            )
    _bare(axes)


def _points(axes: Axes, dataset: Dataset) -> None:
    thinned = slice(None, None, -(-len(dataset.train) // _MOST_POINTS))
    inputs, targets = dataset.train.inputs[thinned], dataset.train.targets[thinned]
    size = 22 if len(inputs) < 20 else 5
    axes.scatter(
        inputs[:, 0], inputs[:, 1], s=size, c=_colors(dataset.outputs)[targets],
        edgecolors="white", linewidths=0.3 if size == 5 else 0.8, zorder=3,
    )  # fmt: skip


def _bare(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _say(axes: Axes, words: str) -> None:
    _bare(axes)
    axes.text(
        0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=PALE, size=7.5
    )


def _ended(record: Record) -> str:
    epochs = record.metrics()["epoch"]
    verb = "ended" if record.status.ended_well else record.status.words
    return f"{verb}\nat epoch {epochs[-1]:g}" if epochs.size else verb
