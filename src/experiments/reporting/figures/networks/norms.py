"""Draw the norms of weights and gradients by layer, over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.analysis.groups import Curves
from experiments.reporting.figures.curves import Family, curves_panel
from experiments.reporting.figures.drawing import (
    label_gutter,
    panel,
    style,
    title_panel,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "Weight and gradient norms by layer"
MOST_LAYERS: Final = 3
_MOST_BINS: Final = 40
_MOST_POINTS: Final = 150
_NORMS: Final = {"weight_norm": "Weights", "gradient_norm": "Gradient"}


def layers_of(row: Sequence[Family]) -> list[str]:
    """List the layers whose norms a run measured, from input to output."""
    prefix = "weight_norm/"
    found = {
        name.removeprefix(prefix): None
        for one in row
        for curves in one.finished + one.diverged
        for name in curves
        if name.startswith(prefix)
    }
    return list(found)


def some_layers(layers: Sequence[str]) -> list[str]:
    """Choose at most `MOST_LAYERS` layers: the first, the last, and evenly spaced ones between."""
    places = np.linspace(0, len(layers) - 1, min(len(layers), MOST_LAYERS)).round().astype(int)
    return [layers[place] for place in places]


def binned(curves: Curves, metric: str) -> Curves:
    """Reduce a curve to at most `_MOST_BINS` medians over neighbouring measurements.

    The gradient of one batch is noisy, so hundreds of epochs of several runs would be illegible.
    """
    measured = np.isfinite(curves[metric])
    epochs, values = curves["epoch"][measured], curves[metric][measured]
    width = -(-len(values) // _MOST_BINS)
    if width <= 1:
        return curves
    starts = range(0, len(values), width)
    return {
        "epoch": np.array([np.median(epochs[start : start + width]) for start in starts]),
        metric: np.array([np.median(values[start : start + width]) for start in starts]),
    }


def thinned(curves: Curves, metric: str) -> Curves:
    """Keep at most `_MOST_POINTS` measurements, including the first and the last.

    Norms of weights are smooth, so more points would overlap.
    """
    measured = np.flatnonzero(np.isfinite(curves[metric]))
    if len(measured) <= _MOST_POINTS:
        return curves
    kept = measured[np.linspace(0, len(measured) - 1, _MOST_POINTS).round().astype(int)]
    return {name: curves[name][kept] for name in ("epoch", metric)}


def plot_norms(row: Sequence[Family]) -> Figure:
    """Draw the norms of weights (top) and of their gradients (bottom), one column per layer.

    Parameters
    ----------
    row : sequence of Family
        The curves of groups whose runs measured the norms, best first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    layers = some_layers(layers_of(row))
    with style():
        gutter = label_gutter([one.look.label for one in row if one.look.named])
        height = max(1.9, 0.165 * sum(one.look.named for one in row))
        cell, line = 2.5 + gutter + 0.5, height + 0.85
        figure = titled_figure(TITLE, 0.6 + len(layers) * cell - 0.4, 2 * line)
        for across, layer in enumerate(layers):
            for down, (norm, what) in enumerate(_NORMS.items()):
                axes = panel(figure, 0.6 + across * cell, TOP + down * line + 0.35, 2.5, height)
                title_panel(axes, f"{what}, {layer}")
                metric = f"{norm}/{layer}"
                curves_panel(axes, _prepared(row, metric), metric)
    return figure


def _prepared(row: Sequence[Family], metric: str) -> list[Family]:
    """Bin the gradients, and raise norms of 0, which a logarithmic axis cannot show."""
    fewer = binned if metric.startswith("gradient_norm/") else thinned
    finished = [[fewer(run, metric) for run in one.finished if metric in run] for one in row]
    values = np.concatenate([run[metric] for runs in finished for run in runs] or [np.empty(0)])
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size and (values == 0).any():
        floor = positive.min() / 3
        finished = [
            [{**run, metric: np.where(run[metric] == 0, floor, run[metric])} for run in runs]
            for runs in finished
        ]
    return [replace(one, finished=tuple(runs)) for one, runs in zip(row, finished, strict=True)]
