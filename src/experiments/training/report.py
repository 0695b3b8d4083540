"""The rule that decides which epoch's values a run reports, and whose weights it serves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.config.schema import Training
from experiments.datasets import Dataset, Task

TEST_CURVE: Final = "test_curve"
"""The prefix of the columns of `training.test_every_epoch`, which only "test_peak" reads."""

_Metrics = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Report:
    """A rule that chooses one epoch of a run.

    Parameters
    ----------
    name : str
        The name of the rule, as `training.report` gives it.
    curve : str or None
        The column by which epochs are compared, of which the first best one is chosen; None
        chooses the last epoch.
    higher : bool, default False
        Whether a higher value is better.
    epoch : str or None
        The name of the chosen epoch in the summary; None for the last one, whose values the
        summary holds in any case.
    test : str, default "test"
        The prefix of the test values in the summary.
    """

    name: str
    curve: str | None = None
    higher: bool = False
    epoch: str | None = "best"
    test: str = "test"

    def prefers(self, metrics: _Metrics, epoch: int, chosen: int | None) -> bool:
        """Whether `epoch` replaces the epoch chosen so far.

        Parameters
        ----------
        metrics : mapping of str to sequence
            The columns of the run's metrics.
        epoch : int
            The epoch that has just been measured, whose losses are finite.
        chosen : int or None
            The epoch chosen so far.
        """
        if self.curve is None or chosen is None:
            return True
        column = metrics[self.curve]
        new, old = (
            math.nan if value is None else value for value in (column[epoch], column[chosen])
        )
        return math.isnan(old) or (new > old if self.higher else new < old)


def default_report(dataset: Dataset) -> str:
    """Return the rule of runs that name none: without a validation part, the last epoch."""
    return "last" if dataset.validation is None else "best_loss"


def report_for(training: Training, dataset: Dataset) -> Report:
    """Return the rule of a run on a dataset."""
    score = score_name(dataset.task)
    rules = (
        Report("best_loss", "val/loss"),
        Report("best_accuracy", "val/accuracy", higher=True),
        Report("last", epoch=None),
        Report(
            "test_peak", f"{TEST_CURVE}/{score}", higher=True, epoch="test_peak", test="test_peak"
        ),
    )
    name = training.report or default_report(dataset)
    return next(rule for rule in rules if rule.name == name)


def score_name(task: Task) -> str | None:
    """Return the name of the score of a task, in columns and summaries, if it has one."""
    if task is Task.MINIMIZATION:
        return None
    return "r2" if task is Task.REGRESSION else "accuracy"
