"""Precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..typing import Float64Array
from .averaged import CountedMetric, chosen, hits
from .metric import Predictions


@dataclass(frozen=True)
class Precision(CountedMetric):
    """TP / (TP + FP): how many of the rows predicted to be of a class are.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        See :class:`~nn.metrics.averaged.AveragedMetric`.
    """

    name: ClassVar[str] = "precision"
    title: ClassVar[str] = "Precision"

    def value(self, predictions: Predictions) -> Float64Array:
        return self.quotient(hits(predictions), chosen(predictions), predictions)
