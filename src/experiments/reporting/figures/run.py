"""Draw the picture of one run."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.groups import Curves
from experiments.palette import color_of
from experiments.reporting.figures.curves import (
    epoch_limits,
    last_point,
    marker_of,
    score_of,
)
from experiments.reporting.figures.drawing import (
    ALARM,
    MUTED,
    PALE,
    count_epochs,
    label_ends,
    label_gutter,
    limit,
    new_figure,
    panel,
    say_unmeasured,
    scale_loss,
    scale_score,
    style,
    title_panel,
    wrapped,
    write,
)
from experiments.reporting.figures.looks import context
from experiments.reporting.words.formatting import compact
from experiments.runs.record import Record
from experiments.training.metrics import metric_named
from experiments.training.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_run(record: Record) -> Figure:
    """Draw the learning curves of one run, with its best epoch and its learning rate.

    If the learning rate changes, it has a separate panel.

    Parameters
    ----------
    record : Record
        A run of any status. If nothing was measured, the picture shows a message.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, which is not registered with pyplot; save it with `savefig`.
    """
    curves = record.metrics() if record.status is not Status.FAILED else {}
    title = f"{record.name}: {context([record])}"
    with style():
        if not curves.get("epoch", np.empty(0)).size:
            return _empty(title, f"No epoch was measured: {_status(record)}")
        gutter = label_gutter(["validation"])
        rate = _constant_rate(curves)
        side = 0.55 + 2.4 + 0.3 if rate is None else 0.0
        figure = new_figure(0.6 + 2 * (3.3 + gutter) + 0.55 + side, 3.95)
        write(figure, 0.15, 0.12, title, size=10.5, weight="bold")
        status = _status(record)
        if rate is not None:
            status += f" · learning rate {compact(rate)}"
        write(figure, 0.15, 0.33, status, color=ALARM if _is_bad(record) else PALE)
        color = color_of(record.choices.get("optimizer", ""))
        left = 0.6
        for kind in ("loss", score_of([curves])):
            axes = panel(figure, left, 0.95, 3.3, 2.5)
            _run_panel(axes, curves, kind, color, _reported(record))
            left += 3.3 + gutter + 0.55
        if rate is None:
            _rate_panel(panel(figure, left, 0.95, 2.4, 2.5), curves, color)
    return figure


def _reported(record: Record) -> tuple[str, float] | None:
    """Return name and number of the reported epoch; None if it is the last one."""
    for name, words in (("best/epoch", "best epoch"), ("test_peak/epoch", "chosen on test: epoch")):
        epoch = record.summary.get(name)
        if epoch is not None:
            return words, epoch
    return None


def _run_panel(
    axes: Axes, curves: Curves, kind: str, color: str, reported: tuple[str, float] | None
) -> None:
    epochs = curves["epoch"]
    parts = [("train", "#6b6b6b"), ("val", color)]
    found = [
        (name, shade, curves[f"{name}/{kind}"])
        for name, shade in parts
        if f"{name}/{kind}" in curves and np.isfinite(curves[f"{name}/{kind}"]).any()
    ]
    title_panel(axes, metric_named(f"val/{kind}").quantity.capitalize(), pad=16)
    count_epochs(axes)
    if not found:
        say_unmeasured(axes)
        return
    everything = np.concatenate([values for _, _, values in found])
    ends = [last_point(epochs, values) for _, _, values in found]
    if kind == "loss":
        scale_loss(axes, everything)
    else:
        scale_score(axes, everything, [end[1] for end in ends])
    for _, shade, values in found:
        axes.plot(epochs, values, color=shade, linewidth=1.6, marker=marker_of(values))
    axes.set_xlim(*epoch_limits(epochs))
    if reported is not None:
        _mark(axes, epochs, curves.get(f"val/{kind}"), reported, color)
    full = {"train": "train", "val": "validation"}
    label_ends(axes, ends, [full[name] for name, _, _ in found], [shade for _, shade, _ in found])


def _mark(
    axes: Axes,
    epochs: NDArray[np.float64],
    values: NDArray[np.float64] | None,
    reported: tuple[str, float],
    color: str,
) -> None:
    words, best = reported
    axes.axvline(best, color=PALE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    low, high = axes.get_xlim()
    place = (best - low) / (high - low)
    axes.text(
        place,
        1.015,
        f"{words} {best:g}",
        transform=axes.transAxes,
        ha="left" if place < 0.2 else "right" if place > 0.8 else "center",
        va="bottom",
        size=7.5,
        color=MUTED,
    )
    at = np.flatnonzero(epochs == best)
    if values is not None and at.size:
        axes.plot(
            [best], values[at[:1]], "o", color=color, markersize=5, markeredgecolor="white",
            clip_on=False, zorder=5,
        )  # fmt: skip


def _constant_rate(curves: Curves) -> float | None:
    """Return the learning rate if it was measured and constant, otherwise None."""
    rates = curves.get("lr", np.empty(0))
    finite = rates[np.isfinite(rates)]
    return float(finite[0]) if finite.size and (finite == finite[0]).all() else None


def _rate_panel(axes: Axes, curves: Curves, color: str) -> None:
    title_panel(axes, "Learning rate", pad=16)
    count_epochs(axes)
    rates, epochs = curves.get("lr", np.empty(0)), curves["epoch"]
    finite = rates[np.isfinite(rates)]
    if not finite.size:
        say_unmeasured(axes)
        return
    if finite.max() > 0 and finite.min() >= 0 and finite.max() <= 10 * finite.min():
        axes.set_ylim(0, 1.1 * float(finite.max()))
    elif finite.min() > 0 and finite.max() > 1000 * finite.min():
        scale_loss(axes, finite)
    else:
        limit(axes, min(0.0, float(finite.min())), float(finite.max()))
    axes.plot(epochs, rates, color=color, linewidth=1.6, marker=marker_of(rates))
    axes.set_xlim(*epoch_limits(epochs))


def _status(record: Record) -> str:
    words = record.status.words
    if record.message:
        words += f": {record.message}"
    return textwrap.shorten(words, 150, placeholder=" …")


def _is_bad(record: Record) -> bool:
    return not record.status.ended_well


def _empty(title: str, message: str) -> Figure:
    figure = new_figure(7, 1.6)
    write(figure, 0.15, 0.12, title, size=10.5, weight="bold")
    write(figure, 0.15, 0.5, wrapped(message, 6.7), color=ALARM, linespacing=1.3)
    return figure
