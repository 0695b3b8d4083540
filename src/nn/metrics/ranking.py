"""Metrics of the order into which outputs bring the rows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..typing import Float64Array
from .averaged import AveragedMetric
from .metric import Predictions

Counts = NDArray[np.intp]


@dataclass(frozen=True)
class RankingMetric(AveragedMetric):
    """Base of the metrics that compare the rows of each class or label with all others.

    The outputs of a class are its scores: for several classes, each is compared with the rest.
    """

    def value(self, predictions: Predictions) -> Float64Array:
        outputs, columns = predictions.outputs, range(predictions.outputs.shape[2])
        each = [self._of(outputs[:, :, k], predictions.true[:, k]) for k in columns]
        return self.averaged(np.stack(each, axis=1), predictions)

    def averaged(self, values: Float64Array, predictions: Predictions) -> Float64Array:
        if predictions.task == "binary":  # the order of one class is that of the other
            return values[:, 1]
        return super().averaged(values, predictions)

    def _of(self, scores: Float64Array, true: NDArray[np.bool_]) -> Float64Array:
        """Compute the measure of one class from scores of shape (runs, rows): (runs,)."""
        order = scores.argsort(axis=1, kind="stable")
        ranked = np.take_along_axis(scores, order, axis=1)
        changes = ranked[:, 1:] != ranked[:, :-1]
        edge = np.ones((len(scores), 1), np.bool_)
        rows = np.arange(scores.shape[1])
        first = np.where(np.concatenate([edge, changes], axis=1), rows, 0)
        last = np.where(np.concatenate([changes, edge], axis=1), rows, rows[-1])
        return self.of_ranks(
            true[order],
            np.maximum.accumulate(first, axis=1),
            np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1],
        )

    @abstractmethod
    def of_ranks(self, positive: NDArray[np.bool_], first: Counts, last: Counts) -> Float64Array:
        """Compute the measure of a class or label, (runs,).

        Parameters
        ----------
        positive : ndarray of bool, shape (runs, rows)
            Whether the class or label is true of a row; rows by ascending score.
        first, last : ndarray of int of the same shape
            The places of the first and of the last row of the same score.
        """
