"""Draw the expected result of each optimizer over the number of settings that are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from experiments.analysis.budgets import Budget
from experiments.reporting.figures.drawing import (
    count_epochs,
    label_ends,
    label_gutter,
    new_figure,
    panel,
    scale_loss,
    style,
    wrapped,
    write,
)
from experiments.reporting.figures.looks import MOST_CURVES, Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEFT: Final = 0.62  # inches
_WIDTH: Final = 2.8


def plot_budgets(
    budgets: Sequence[Budget], looks: Mapping[str, Look], title: str, *, higher: bool
) -> Figure:
    """Draw a curve for each optimizer; the whiskers are 95% intervals, where these fit.

    A filled point marks a budget at which the optimizer is better than all others and separated
    from them. Of many optimizers, the best are in colour and named.

    Parameters
    ----------
    budgets : sequence of Budget
        The budgets, from one trial on.
    looks : mapping of str to Look
        The looks by optimizer.
    title : str
        The title of the metric, such as `Test loss`.
    higher : bool
        Whether higher is better.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(budgets[-1].expected)
    leaders = {next(iter(budget.expected)) for budget in budgets}
    ahead = {budget.trials: _ahead(budget) for budget in budgets}
    shown = [
        looks[name] if place < MOST_CURVES or name in leaders else looks[name].in_background
        for place, name in enumerate(names)
    ]
    trials = [budget.trials for budget in budgets]
    with style():
        width = _LEFT + _WIDTH + label_gutter([look.label for look in shown if look.named])
        heading = wrapped(f"{title} expected of the best setting", width - 0.4, 10.5)
        top = 0.42 + 0.17 * heading.count("\n")
        height = max(2.3, 0.175 * sum(look.named for look in shown))
        figure = new_figure(width, top + height + 0.55)
        write(figure, 0.15, 0.1, heading, size=10, weight="bold")
        axes = panel(figure, _LEFT, top, _WIDTH, height)
        values = np.array([[one.expected[name].value for one in budgets] for name in names])
        if higher:
            room = 0.08 * (float(np.ptp(values)) or 1.0)
            axes.set_ylim(values.min() - room, values.max() + room)
        else:
            scale_loss(axes, values.ravel())
        count_epochs(axes)
        axes.set_xlim(0.6, trials[-1] + 0.4)
        axes.set_xlabel("settings tried")
        for place, (name, look) in reversed(list(enumerate(zip(names, shown, strict=True)))):
            order = 2 + len(names) - place
            axes.plot(
                trials, values[place], color=look.color, linestyle=look.dash,
                linewidth=1.8 if look.named else 0.9, zorder=order,
            )  # fmt: skip
            if not look.named:
                continue
            low, high = axes.get_ylim()
            for budget, value in zip(budgets, values[place], strict=True):
                estimate = budget.expected[name]
                if low <= estimate.low and estimate.high <= high:
                    x = budget.trials + 0.3 * (place + 0.5 - len(names) / 2) / len(names)
                    axes.plot(
                        [x, x], [estimate.low, estimate.high], color=look.color, linewidth=0.6,
                        alpha=0.7, zorder=order,
                    )  # fmt: skip
                if ahead[budget.trials] == name:
                    axes.plot(
                        [budget.trials], [value], "o", color=look.color, markersize=5, zorder=99
                    )
        labelled = [(place, look) for place, look in enumerate(shown) if look.named]
        label_ends(
            axes,
            [(trials[-1], values[place][-1]) for place, _ in labelled],
            [look.label for _, look in labelled],
            [look.color for _, look in labelled],
        )
    return figure


def _ahead(budget: Budget) -> str:
    """Name the optimizer that is better than all others and separated from them; or nothing."""
    best = next(iter(budget.expected))
    others = budget.expected.keys() - {best}
    return best if others and others <= budget.behind(best) else ""
