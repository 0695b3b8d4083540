"""Draw the paths of optimizers on a plane through the loss surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import (
    INK,
    label_ends,
    label_gutter,
    panel,
    style,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.shown import Shown
from experiments.reporting.words.formatting import compact
from experiments.runs.network import network_of
from experiments.runs.record import Record
from experiments.training.targets import encoding_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nn.network import Network

TITLE: Final = "Paths on the loss surface"
_GRID: Final = 37  # points along each side
_TOGETHER: Final = 64  # networks evaluated in one stack
_WORK: Final = 3e9  # weights times rows, over the whole grid
_LEAST_ROWS: Final = 64
_WIDTH: Final = 6.0  # inches
_FAR: Final = 10.0  # multiples of the median path's reach

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Path:
    """The parameters of a run over its epochs.

    Attributes
    ----------
    shown : Shown
        The group as it is drawn.
    record : Record
        The run of the group, which may have diverged.
    points : float64 ndarray of shape (snapshots, parameters)
        The parameters at each snapshot, flattened and concatenated.
    """

    shown: Shown
    record: Record
    points: Numbers


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane that holds most of the variance of some points.

    Attributes
    ----------
    center : float64 ndarray of shape (parameters,)
        The mean of the points.
    axes : float64 ndarray of shape (2, parameters)
        The orthonormal axes, the one with more variance first.
    explained : tuple of float
        The share of the variance along each axis.
    """

    center: Numbers
    axes: Numbers
    explained: tuple[float, float]

    def project(self, points: Numbers) -> Numbers:
        """Return the coordinates of the points projected onto the plane, shape (n, 2)."""
        coordinates: Numbers = (points - self.center) @ self.axes.T
        return coordinates


def paths(rows: Sequence[Shown]) -> list[Path]:
    """Choose a run of each group so that all start from the same weights.

    The runs have the seed that represents most groups, whether they diverged or not. Because
    groups may differ in initialization, only runs with the most frequent start are kept. The list
    is empty if no run has three snapshots.
    """
    seeds = [one.run.seed for one in rows]
    seed = max(seeds, key=seeds.count, default=0)
    alike: dict[tuple[Any, ...], list[Path]] = {}
    for one in rows:
        for run in [run for run in one.group.runs if run.seed == seed][:1]:
            found = _points(run, one.trusted)
            if found is not None and len(found) >= 3:
                key = (found.shape[1], found[0].tobytes())
                alike.setdefault(key, []).append(Path(one, run, found))
    return max(alike.values(), key=len, default=[])


def plane_through(points: Numbers) -> Plane:
    """Find the plane of the first two principal components.

    Parameters
    ----------
    points : ndarray of shape (n, parameters)

    Returns
    -------
    Plane
    """
    center = points.mean(axis=0)
    offsets = points - center
    # Usually there are far fewer points than parameters, so their Gram matrix is small.
    values, vectors = np.linalg.eigh(offsets @ offsets.T)
    axes = (vectors[:, :-3:-1].T @ offsets)[:2]
    axes, _ = np.linalg.qr(axes.T)
    axes = axes.T
    places = offsets @ axes.T
    # The sign of a component is arbitrary; fixing it makes the picture reproducible.
    for row in range(2):
        if places[np.abs(places[:, row]).argmax(), row] < 0:
            axes[row] *= -1
    total = float(np.maximum(values, 0).sum())
    first, second = (places**2).sum(axis=0) / total if total else (1.0, 0.0)
    return Plane(center, axes, (float(first), float(second)))


def loss_surface(
    record: Record,
    dataset: Dataset,
    plane: Plane,
    x: Numbers,
    y: Numbers,
    *,
    trusted: frozenset[str],
) -> Numbers:
    """Compute the mean training loss on a grid in a plane.

    Parameters
    ----------
    record : Record
        The run that provides the network, the loss and the running statistics.
    dataset : Dataset
        The dataset of the run. If it is large, only every k-th row is used.
    plane : Plane
        The plane in the space of the parameters.
    x, y : float64 ndarray of shape (columns,), and (rows,)
        The coordinates in the plane.
    trusted : frozenset of str
        The trusted packages (see `network_of`).

    Returns
    -------
    float64 ndarray of shape (rows, columns)
        The losses without penalties; NaN where the loss overflows.
    """
    weights = record.weights("final")
    network = network_of(record, weights, _TOGETHER, trusted=trusted)
    inputs, targets = _training_rows(network, dataset, len(x) * len(y))
    grid_x, grid_y = np.meshgrid(x, y)
    places = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
    losses = np.empty(len(places))
    with np.errstate(all="ignore"):
        for start in range(0, len(places), _TOGETHER):
            block = places[start : start + _TOGETHER]
            network.parameters[: len(block)] = plane.center + block @ plane.axes
            losses[start : start + len(block)] = network.loss(inputs, targets)[: len(block)]
    return losses.reshape(len(y), len(x))


def plot_paths(found: Sequence[Path], dataset: Dataset, plane: Plane) -> Figure:
    """Draw paths that start at the same weights, and the training loss on the plane through them.

    Parameters
    ----------
    found : sequence of Path
        The paths, as chosen by `paths`.
    dataset : Dataset
        The dataset of the runs.
    plane : Plane
        The plane through the paths (see `common_plane`).

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.patheffects import Normal, Stroke

    tracks = [plane.project(path.points) for path in found]
    low, high = _box(np.concatenate([plane.project(path.points) for path in near(found)]))
    span = high - low
    height = float(np.clip(_WIDTH * span[1] / span[0], 3.0, 6.0))
    with style():
        labels = [path.shown.label for path in found]
        gutter = label_gutter(labels)
        height = max(height, 0.165 * len(labels))
        figure = titled_figure(TITLE, 0.75 + _WIDTH + gutter + 0.1, height + 0.65)
        axes = panel(figure, 0.75, TOP + 0.05, _WIDTH, height)
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        x, y = np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)
        start = found[0]
        losses = loss_surface(start.record, dataset, plane, x, y, trusted=start.shown.trusted)
        _contours(axes, x, y, losses)
        halo = [Stroke(linewidth=3.2, foreground="white", alpha=0.8), Normal()]
        for path, track in reversed(list(zip(found, tracks, strict=True))):
            color = path.shown.color
            axes.plot(*track.T, color=color, linewidth=1.6, zorder=4, path_effects=halo)
            axes.plot(*track.T, "o", color=color, markersize=2.6, zorder=5)
            mark = "o" if path.record.status.ended_well else "X"
            axes.plot(
                *track[-1], mark, color=color, markersize=6.5, markeredgecolor="white",
                markeredgewidth=0.9, zorder=6,
            )  # fmt: skip
        axes.plot(*tracks[0][0], "D", color="white", markeredgecolor=INK, markersize=6, zorder=7)
        axes.annotate(
            "start", tracks[0][0], xytext=(6, 5), textcoords="offset points", zorder=7, size=8,
            path_effects=[Stroke(linewidth=2.5, foreground="white"), Normal()],
        )  # fmt: skip
        axes.grid(visible=False)
        first, second = plane.explained
        axes.set_xlabel(f"first principal component ({first:.0%} of the variance)")
        axes.set_ylabel(f"second ({second:.0%})")
        ends = [tuple(np.clip(track[-1], low, high)) for track in tracks]
        label_ends(axes, ends, labels, [path.shown.color for path in found])
    return figure


def common_plane(found: Sequence[Path]) -> Plane:
    """Find the plane through the paths, without those that go too far (see `near`)."""
    return plane_through(np.concatenate([path.points for path in near(found)]))


def near(found: Sequence[Path]) -> list[Path]:
    """Keep the paths that determine the plane and the limits of the picture.

    Runs that did not finish are skipped, unless none did. So are paths that go more than ten
    times as far from the start as the median path, because the others would be too small to see.
    """
    settled = [path for path in found if path.record.status.ended_well] or list(found)
    reaches = [np.linalg.norm(path.points - path.points[0], axis=1).max() for path in settled]
    usual = sorted(reaches)[(len(reaches) - 1) // 2]
    return [p for p, reach in zip(settled, reaches, strict=True) if reach <= _FAR * usual]


def _points(record: Record, trusted: frozenset[str]) -> Numbers | None:
    """Flatten the snapshots and the final weights of a run; shape (snapshots, parameters)."""
    kept = record.snapshots()
    if not kept:
        return None
    moments = kept.pop("epoch")
    layout = network_of(record, record.weights("final"), trusted=trusted).layout
    names = [parameter.name for parameter in layout.parameters]
    points = np.concatenate([kept[name].reshape(len(moments), -1) for name in names], axis=1)
    ended = record.measurements()["epoch"][-1]
    if record.status.ended_well and ended is not None and ended > moments[-1]:
        final = record.weights("final")
        end = np.concatenate([final[name].ravel() for name in names])
        points = np.concatenate([points, end[np.newaxis]])
    path: Numbers = points.astype(np.float64)
    return path[np.isfinite(path).all(axis=1)]


def _training_rows(
    network: Network, dataset: Dataset, places: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    part = dataset.train
    most = max(_LEAST_ROWS, int(_WORK / (places * network.layout.size)))
    every = -(-len(part) // most)
    encoded = encoding_for(dataset, network.objective).encode(part.targets, str(network.dtype))
    return part.every(every), encoded[::every]


def _box(points: Numbers) -> tuple[Numbers, Numbers]:
    """Return the corners of a box around the points, with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 0.2 * (high - low).max())
    span = np.where(span > 0, span, 1.0)
    middle = (low + high) / 2
    return middle - 0.6 * span, middle + 0.6 * span


def _contours(axes: Axes, x: Numbers, y: Numbers, losses: Numbers) -> None:
    """Shade and contour a loss on a logarithmic scale."""
    import matplotlib

    finite = losses[np.isfinite(losses) & (losses > 0)]
    if not finite.size or finite.min() == finite.max():
        return
    logs = np.log10(np.where(losses > 0, losses, finite.min()))
    logs = np.where(np.isfinite(logs), logs, np.log10(finite.max()))
    levels = np.linspace(logs.min(), logs.max(), 13)
    greys = matplotlib.colormaps["Greys"](np.linspace(0.02, 0.5, 12))
    axes.contourf(x, y, logs, levels=levels, colors=greys, zorder=0)
    lines = axes.contour(
        x, y, logs, levels=levels[1:-1:2], colors="#777777", linewidths=0.5, linestyles="solid"
    )
    axes.clabel(lines, fmt=lambda level: compact(10**level, 2), fontsize=6.5, colors="#444444")
