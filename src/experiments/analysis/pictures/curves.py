"""Learning curves: every seed thin, the median of a group bold, its quartiles a band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.pictures.drawing import (
    count_epochs,
    label_ends,
    say_unmeasured,
    scale_loss,
    scale_score,
    title_panel,
)
from experiments.analysis.pictures.looks import Curves, Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORES: Final = {"accuracy": "accuracy", "r2": "R²"}


def curves_panel(axes: Axes, row: Sequence[Drawn], kind: str) -> None:
    """Draw the validation curves of ranked groups.

    Parameters
    ----------
    axes
        Of their final size; the names of the groups stand to their right.
    row
        The best first.
    kind
        `loss`, `accuracy` or `r2`.
    """
    from matplotlib.collections import LineCollection

    metric = f"val/{kind}"
    title_panel(axes, f"Validation {SCORES.get(kind, kind)}")
    count_epochs(axes)
    settled = [curves for one in row for curves in one.finished if metric in curves]
    # A diverging run would leave no room for the others, so it does not set the limits.
    measured = settled or [c for one in row for c in one.diverged if metric in c]
    if not measured or not any(np.isfinite(curves[metric]).any() for curves in measured):
        say_unmeasured(axes)
        return
    everything = np.concatenate([curves[metric] for curves in measured])
    medians = [_median(one.finished, metric) for one in row]
    ends = [(float(x[-1]), float(band[1][-1])) if x.size else None for x, band in medians]
    if kind == "loss":
        scale_loss(axes, everything)
    else:
        scale_score(axes, everything, [end[1] for end in ends if end])
    axes.set_xlim(*epoch_limits(np.concatenate([curves["epoch"] for curves in measured])))

    many = sum(len(one.finished) for one in row)
    # The worst first, so that the best are on top.
    for place, (one, (x, band)) in enumerate(reversed(list(zip(row, medians, strict=True)))):
        order = 2 + place
        if len(one.finished) > 1:
            # One collection: an artist for each of thousands of seeds takes time and memory.
            lines = [
                np.column_stack([curves["epoch"], curves[metric]])
                for curves in one.finished
                if metric in curves
            ]
            axes.add_collection(
                LineCollection(
                    lines, colors=one.color, linewidths=0.6,
                    alpha=0.45 if many <= 40 else 0.25, zorder=order,
                )
            )  # fmt: skip
        for curves in one.diverged:
            _draw_diverged(axes, one, curves, metric, order)
        if x.size:
            if len(one.finished) > 1:
                axes.fill_between(
                    x, band[0], band[2], color=one.color, alpha=0.15, linewidth=0, zorder=order
                )
            axes.plot(
                x, band[1], color=one.color, linestyle=one.dash, linewidth=2.0 if one.named else 1,
                marker=marker_of(band[1]), zorder=order + len(row),
            )  # fmt: skip
    told = [(end, one) for end, one in zip(ends, row, strict=True) if end and one.named]
    label_ends(
        axes,
        [end for end, _ in told],
        [one.label for _, one in told],
        [one.color for _, one in told],
    )


def _draw_diverged(axes: Axes, one: Drawn, curves: Curves, metric: str, order: int) -> None:
    if metric not in curves or not np.isfinite(curves[metric]).any():
        return
    epochs, values = curves["epoch"], np.where(np.isfinite(curves[metric]), curves[metric], np.nan)
    axes.plot(epochs, values, color=one.color, linewidth=0.8, alpha=0.8, zorder=order)
    x, y = last_point(epochs, values)
    low, high = axes.get_ylim()
    axes.plot(
        [x], [min(max(y, low), high)], "x", color=one.color, markersize=5, markeredgewidth=1.4,
        clip_on=False, zorder=order,
    )  # fmt: skip


def _median(
    runs: Sequence[Curves], metric: str
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Give the epochs that all runs measured, with quartiles and median there."""
    having = [curves for curves in runs if metric in curves]
    nothing = np.empty(0)
    if not having:
        return nothing, (nothing, nothing, nothing)
    length = min(curves["epoch"].size for curves in having)
    stacked = np.stack([curves[metric][:length] for curves in having])
    measured = np.isfinite(stacked).all(axis=0)
    low, middle, high = np.quantile(stacked[:, measured], [0.25, 0.5, 0.75], axis=0)
    return having[0]["epoch"][:length][measured], (low, middle, high)


def score_of(runs: Sequence[Curves]) -> str:
    """Name the score that was measured on validation; accuracy where none was."""
    return next((kind for kind in SCORES if any(f"val/{kind}" in run for run in runs)), "accuracy")


def epoch_limits(epochs: NDArray[np.float64]) -> tuple[float, float]:
    """Give the limits of an axis of epochs."""
    last = max(float(np.nanmax(epochs)), 1.0)
    return -0.01 * last, last


def last_point(epochs: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Find the last finite measurement of a curve."""
    at = int(np.flatnonzero(np.isfinite(values))[-1])
    return float(epochs[at]), float(values[at])


def marker_of(values: NDArray[np.float64]) -> str:
    """Show a single measurement, which draws no line, as a point."""
    return "o" if np.isfinite(values).sum() == 1 else ""
