"""Draw learning curves: each seed thin, the median of a group bold, its interval as a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.groups import (
    EPOCHS,
    GRADIENTS,
    Curves,
    Group,
    counts_gradients,
    course,
)
from experiments.analysis.statistics.median import median
from experiments.reporting.figures.drawing import (
    count_epochs,
    label_ends,
    label_gutter,
    new_figure,
    panel,
    say_unmeasured,
    scale_loss,
    scale_score,
    style,
    write,
)
from experiments.reporting.figures.looks import Look
from experiments.training.metrics import CURVES, metric_named
from experiments.training.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT: Final = 0.6  # inches
_WIDTH: Final = 3.0

_SCORES: Final = tuple(curve for curve in CURVES if curve.higher_is_better)


@dataclass(frozen=True)
class Family:
    """The curves of a group.

    Attributes
    ----------
    look : Look
        The look of the group.
    finished, diverged : tuple of Curves
        The curves of each run: arrays of shape (epochs + 1,) by column name.
    """

    look: Look
    finished: tuple[Curves, ...]
    diverged: tuple[Curves, ...]


def family_of(group: Group, look: Look) -> Family:
    """Collect the curves of a group's runs."""
    return Family(
        look.of_curves,
        tuple(curves for run, curves in group.curves.items() if run.status.ended_well),
        tuple(curves for run, curves in group.curves.items() if run.status is Status.DIVERGED),
    )


def units_of(families: Sequence[Family]) -> list[str]:
    """Return what curves are drawn over: gradients where they differ from steps, and epochs."""
    runs = [curves for one in families for curves in one.finished + one.diverged]
    return [GRADIENTS, EPOCHS] if counts_gradients(runs) else [EPOCHS]


def curves_panel(axes: Axes, families: Sequence[Family], metric: str, unit: str = EPOCHS) -> None:
    """Draw one metric of ranked groups over the epochs, or over the gradients that they took.

    Parameters
    ----------
    axes : Axes
        The axes at their final size, with room to the right for the names of the groups.
    families : sequence of Family
        The curves of the groups, best first.
    metric : str
        The column to draw, such as `val/loss`, `train/accuracy` or `weight_norm/dense1`.
    unit : {"epoch", "gradients"}
        The unit of the horizontal axis.
    """
    from matplotlib.collections import LineCollection

    axes.set_xlabel(unit)
    count_epochs(axes)
    settled = [curves for one in families for curves in one.finished if metric in curves]
    # A diverging run would leave no room for the others, so it does not set the limits.
    measured = settled or [c for one in families for c in one.diverged if metric in c]
    if not measured or not any(np.isfinite(curves[metric]).any() for curves in measured):
        say_unmeasured(axes)
        return
    everything = np.concatenate([curves[metric] for curves in measured])
    medians = [_median(one.finished, metric, unit) for one in families]
    ends = [(float(x[-1]), float(band[1][-1])) if x.size else None for x, band in medians]
    if metric_named(metric).higher_is_better:
        scale_score(axes, everything, [end[1] for end in ends if end])
    else:
        scale_loss(axes, everything)
    axes.set_xlim(*epoch_limits(np.concatenate([course(curves, unit) for curves in measured])))

    many = sum(len(one.finished) for one in families)
    # The worst are drawn first, so that the best are on top.
    for place, (one, (x, band)) in enumerate(reversed(list(zip(families, medians, strict=True)))):
        order = 2 + place
        if len(one.finished) > 1 and one.look.named:
            # One collection, because thousands of separate artists take much time and memory.
            lines = [
                np.column_stack([course(curves, unit), curves[metric]])[np.isfinite(curves[metric])]
                for curves in one.finished
                if metric in curves
            ]
            axes.add_collection(
                LineCollection(
                    lines, colors=one.look.color, linewidths=0.6,
                    alpha=0.45 if many <= 40 else 0.25, zorder=order,
                )
            )  # fmt: skip
        for curves in one.diverged:
            _draw_diverged(axes, one, curves, metric, unit, order)
        if x.size:
            if len(one.finished) > 1 and one.look.named:
                axes.fill_between(
                    x, band[0], band[2], color=one.look.color, alpha=0.15, linewidth=0, zorder=order
                )
            axes.plot(
                x, band[1], color=one.look.color, linestyle=one.look.dash,
                linewidth=2.0 if one.look.named else 1, marker=marker_of(band[1]),
                zorder=order + len(families),
            )  # fmt: skip
    labelled = [
        (end, one) for end, one in zip(ends, families, strict=True) if end and one.look.named
    ]
    label_ends(
        axes,
        [end for end, _ in labelled],
        [one.look.label for _, one in labelled],
        [one.look.color for _, one in labelled],
    )


def _draw_diverged(
    axes: Axes, one: Family, curves: Curves, metric: str, unit: str, order: int
) -> None:
    if metric not in curves or not np.isfinite(curves[metric]).any():
        return
    measured = np.isfinite(curves[metric])
    places, values = course(curves, unit)[measured], curves[metric][measured]
    axes.plot(places, values, color=one.look.color, linewidth=0.8, alpha=0.8, zorder=order)
    x, y = last_point(places, values)
    low, high = axes.get_ylim()
    axes.plot(
        [x], [min(max(y, low), high)], "x", color=one.look.color, markersize=5, markeredgewidth=1.4,
        clip_on=False, zorder=order,
    )  # fmt: skip


def _median(
    runs: Sequence[Curves], metric: str, unit: str
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Return (low, median, high) after each epoch that all runs measured, and its place."""
    having = [curves for curves in runs if metric in curves]
    nothing = np.empty(0)
    if not having:
        return nothing, (nothing, nothing, nothing)
    length = min(curves["epoch"].size for curves in having)
    stacked = np.stack([curves[metric][:length] for curves in having])
    measured = np.isfinite(stacked).all(axis=0)
    found = [median(values) for values in stacked[:, measured].T]
    band = tuple(np.array([getattr(one, end) for one in found]) for end in ("low", "value", "high"))
    # Searches along a line take more gradients in one run than in another.
    places = np.median([course(curves, unit)[:length] for curves in having], axis=0)
    return places[measured], band


def score_of(runs: Sequence[Curves]) -> str:
    """Return the name of the measured score as in columns; `accuracy` if none was measured."""
    found = (one.name for one in _SCORES if any(one.name in run for run in runs))
    return next(found, "val/accuracy").rpartition("/")[2]


def shown_part(runs: Sequence[Curves]) -> str:
    """Return the part whose curves are shown: `val`, or `train` if there is no validation part."""
    measured = [part for part in ("val", "train") if any(f"{part}/loss" in run for run in runs)]
    return measured[0] if measured else "val"


def epoch_limits(epochs: NDArray[np.float64]) -> tuple[float, float]:
    """Return the limits of an axis of epochs."""
    last = max(float(np.nanmax(epochs)), 1.0)
    return -0.01 * last, last


def last_point(epochs: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the last finite point of a curve."""
    at = int(np.flatnonzero(np.isfinite(values))[-1])
    return float(epochs[at]), float(values[at])


def marker_of(values: NDArray[np.float64]) -> str:
    """Return a marker for a single measurement, which draws no line."""
    return "o" if np.isfinite(values).sum() == 1 else ""


def plot_curves(families: Sequence[Family], metric: str, unit: str = EPOCHS) -> Figure:
    """Draw one metric of ranked groups as a separate figure (see `curves_panel`)."""
    with style():
        gutter = label_gutter([one.look.label for one in families if one.look.named])
        height = max(2.5, 0.175 * sum(one.look.named for one in families))
        figure = new_figure(_LEFT + _WIDTH + gutter, height + 0.95)
        write(figure, 0.15, 0.1, metric_named(metric).title, size=10, weight="bold")
        curves_panel(panel(figure, _LEFT, 0.42, _WIDTH, height), families, metric, unit)
    return figure
