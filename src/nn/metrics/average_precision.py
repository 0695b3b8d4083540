"""Average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..typing import Float64Array
from .ranking import Counts, RankingMetric


@dataclass(frozen=True)
class AveragePrecision(RankingMetric):
    """Σₙ (Rₙ - Rₙ₋₁) Pₙ over the thresholds n, by descending score.

    Pₙ and Rₙ are precision and recall of the rows whose score is not below the threshold. It is 0
    for a class without rows, as in scikit-learn.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        See :class:`~nn.metrics.averaged.AveragedMetric`.
    """

    name: ClassVar[str] = "average_precision"
    title: ClassVar[str] = "average precision"

    def of_ranks(self, positive: NDArray[np.bool_], first: Counts, last: Counts) -> Float64Array:
        rows = positive.shape[-1]
        # The number of rows of the class before each row.
        below: Counts = np.cumsum(positive, axis=-1) - positive
        positives = positive.sum(axis=-1, keepdims=True)
        # All rows from the first one of a row's score on are at or above its threshold.
        found = positives - np.take_along_axis(below, first, axis=-1)
        precisions = np.where(positive, found / (rows - first), 0)
        total: Float64Array = precisions.sum(axis=-1) / np.maximum(positives[..., 0], 1)
        return total
