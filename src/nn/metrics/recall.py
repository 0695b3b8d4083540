"""Recall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..typing import Float64Array
from .averaged import CountedMetric, hits, true
from .metric import Predictions


@dataclass(frozen=True)
class Recall(CountedMetric):
    """TP / (TP + FN): how many of the rows of a class are predicted to be.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        See :class:`~nn.metrics.averaged.AveragedMetric`.
    """

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "Recall"

    def value(self, predictions: Predictions) -> Float64Array:
        return self.quotient(hits(predictions), true(predictions), predictions)
