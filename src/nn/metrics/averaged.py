"""Averages of a measure over classes or labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..typing import Float64Array
from .metric import Metric, Predictions, TaskName

Average = Literal["binary", "macro", "weighted"]


@dataclass(frozen=True)
class AveragedMetric(Metric):
    """Base of the metrics that are computed for each class or label and then averaged.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        The average: "binary" is the value of the second class of a binary task, "macro" the mean of
        all, "weighted" the mean weighted by how many rows of each there are. By default "binary"
        for a binary task and "macro" for others.
    """

    tasks: ClassVar[tuple[TaskName, ...]] = ("binary", "multiclass", "multilabel")
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    average: Average | None = None

    @property
    def key(self) -> str:
        return f"{self.name}_{self.average}" if self.average else self.name

    def misfit(self, task: str) -> str | None:
        if self.average == "binary" and task != "binary":
            return f"{self.key} is the value of one of two classes, and the task is {task}"
        return super().misfit(task)

    def averaged(self, values: Float64Array, predictions: Predictions) -> Float64Array:
        """Average the values of all classes or labels, (runs, columns), to (runs,)."""
        average = self.average or ("binary" if predictions.task == "binary" else "macro")
        if average == "binary":
            return values[:, 1]
        if average == "macro":
            return self.mean(values, predictions)
        weights = predictions.true.sum(axis=0, dtype=np.float64)
        total = weights.sum()
        # A class without rows weighs nothing, even if its value is undefined.
        weighted: Float64Array = np.where(weights > 0, values * weights, 0).sum(axis=1)
        return weighted / total if total else weighted

    def mean(self, values: Float64Array, predictions: Predictions) -> Float64Array:
        """Return the macro average of values of shape (runs, columns)."""
        mean: Float64Array = values.mean(axis=1)
        return mean


@dataclass(frozen=True)
class CountedMetric(AveragedMetric):
    """Base of the metrics that are quotients of numbers of rows; 0 where they would be 0/0.

    Like scikit-learn, the mean over exclusive classes leaves out those that no row has and that
    are never predicted.
    """

    def quotient(
        self, numerator: Float64Array, denominator: Float64Array, predictions: Predictions
    ) -> Float64Array:
        """Divide numbers of shape (runs, columns), and average the quotients to (runs,)."""
        zero = denominator == 0
        values = np.where(zero, 0, numerator / np.where(zero, 1, denominator))
        return self.averaged(values, predictions)

    def mean(self, values: Float64Array, predictions: Predictions) -> Float64Array:
        if predictions.task == "multilabel":
            return super().mean(values, predictions)
        occurs = predictions.true.any(axis=0) | predictions.chosen.any(axis=1)
        mean: Float64Array = np.where(occurs, values, 0).sum(axis=1) / occurs.sum(axis=1)
        return mean


def hits(predictions: Predictions) -> Float64Array:
    """Count the rows of which a class or label is true and predicted: (runs, columns)."""
    counts: Float64Array = (predictions.chosen & predictions.true).sum(axis=1, dtype=np.float64)
    return counts


def chosen(predictions: Predictions) -> Float64Array:
    """Count the rows for which each class or label is predicted: (runs, columns)."""
    counts: Float64Array = predictions.chosen.sum(axis=1, dtype=np.float64)
    return counts


def true(predictions: Predictions) -> Float64Array:
    """Count the rows of which each class or label is true: (1, columns)."""
    counts: Float64Array = predictions.true.sum(axis=0, dtype=np.float64)[np.newaxis]
    return counts
