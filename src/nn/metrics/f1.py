"""F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..typing import Float64Array
from .averaged import CountedMetric, chosen, hits, true
from .metric import Predictions


@dataclass(frozen=True)
class F1(CountedMetric):
    """2TP / (2TP + FP + FN): the harmonic mean of precision and recall.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        See :class:`~nn.metrics.averaged.AveragedMetric`.
    """

    name: ClassVar[str] = "f1"
    title: ClassVar[str] = "F1"

    def value(self, predictions: Predictions) -> Float64Array:
        return self.quotient(
            2 * hits(predictions), chosen(predictions) + true(predictions), predictions
        )
