"""Choose the target of a comparison and find when each run reached it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from experiments.analysis.groups import EPOCHS, GRADIENTS, SETTING, Group, course
from experiments.analysis.statistics.median import median
from experiments.analysis.statistics.time_to_target import (
    TimeToTarget,
    first_reached,
    time_to_target,
)
from experiments.analysis.values import by_seed
from experiments.training.metrics import metric_named

UNITS: Final = (EPOCHS, "step", GRADIENTS, "seconds")
_AIMS: Final = tuple(  # in order of preference
    f"{moment}/val_{quantity}"
    for moment in ("best", "final")
    for quantity in ("accuracy", "r2", "loss")
)


@dataclass(frozen=True)
class Target:
    """The value that a run has to reach.

    Attributes
    ----------
    metric : str
        The summary of the curve that has to reach it: `best/val_accuracy`, or `best/val_loss` if
        no score was measured.
    value : float
        The target.
    reference : str
        The label of the group whose median it is; empty if the user gave the target.
    """

    metric: str
    value: float
    reference: str = ""

    @property
    def curve(self) -> str:
        """The column of the curves that has to reach the target, such as `val/accuracy`."""
        return metric_named(self.metric).curve or self.metric

    @property
    def higher(self) -> bool:
        """Whether the target is reached from below."""
        return metric_named(self.metric).higher_is_better


def choose_target(
    groups: Sequence[Group], names: Sequence[str], wanted: float | None = None
) -> Target | None:
    """Choose the target of the groups of one task.

    Parameters
    ----------
    groups : sequence of Group
        The groups, ranked, best first.
    names : sequence of str
        The labels of the groups.
    wanted : float, optional
        The value. By default the median best validation score of the best tuned group (of the
        best group if none is tuned), which half of its seeds reach.

    Returns
    -------
    Target or None
        None if no run measured a validation score or loss.
    """
    measured = {metric: by_seed(groups, metric) for metric in _AIMS}
    metric = next((metric for metric in _AIMS if any(measured[metric])), None)
    if metric is None:
        return None
    if wanted is not None:
        return Target(metric, wanted)
    values = measured[metric]
    places = [place for place, found in enumerate(values) if found]
    tuned = [i for i in places if groups[i].runs[0].labels.get(SETTING) == "tuned"]
    best = (tuned or places)[0]
    return Target(metric, median(list(values[best].values())).value, names[best])


def times_to(aim: Target, group: Group, *, gradients: bool = False) -> dict[str, TimeToTarget]:
    """Find when the runs of a group reached the target.

    Parameters
    ----------
    aim : Target
        The target.
    group : Group
        The runs.
    gradients : bool, default False
        Whether to count gradients, too, because they are not as many as steps in all groups.

    Returns
    -------
    dict of str to TimeToTarget
        The times in `epoch`, `step`, and `seconds` of the training steps only: evaluation and
        waiting for the other runs of a stack are not properties of an optimizer. Empty if no run
        measured the curve.
    """
    units = [unit for unit in UNITS if gradients or unit != GRADIENTS]
    found: dict[str, dict[int, float]] = {unit: {} for unit in units}
    for run, columns in group.curves.items():
        if aim.curve not in columns:
            continue
        place = first_reached(columns[aim.curve].tolist(), aim.value, higher=aim.higher)
        per_step = run.summary.get("time/us_per_step")
        for unit in units:
            if (unit != EPOCHS and "step" not in columns) or (
                unit == "seconds" and per_step is None
            ):
                continue
            # The seconds in a record are those of its whole stack.
            passed = course(columns, "step" if unit == "seconds" else unit)
            time = math.inf if place is None else float(passed[place])
            if unit == "seconds":
                time *= float(per_step or 0.0) * 1e-6
            # If a seed has several runs, it reaches the target when all of them have.
            found[unit][run.seed] = max(time, found[unit].get(run.seed, 0.0))
    return {unit: time_to_target(unit, times) for unit, times in found.items() if times}
