"""ROC-AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..typing import Float64Array
from .ranking import Counts, RankingMetric


@dataclass(frozen=True)
class ROCAUC(RankingMetric):
    """The area under the ROC curve: how often a row of a class scores higher than another row.

    Rows of equal score count one half. It is undefined if all rows are of the class or none is, and
    so is a macro average with such a class.

    Parameters
    ----------
    average : {"binary", "macro", "weighted"}, optional
        See :class:`~nn.metrics.averaged.AveragedMetric`.
    """

    name: ClassVar[str] = "roc_auc"
    title: ClassVar[str] = "ROC-AUC"

    def of_ranks(self, positive: NDArray[np.bool_], first: Counts, last: Counts) -> Float64Array:
        # Mann and Whitney: ranks from 1, equal scores with their mean rank. Sums of halves are
        # exact.
        ranks = np.where(positive, (first + last) / 2 + 1, 0).sum(axis=-1)
        positives = positive.sum(axis=-1, dtype=np.float64)
        pairs = positives * (positive.shape[-1] - positives)
        wins = ranks - positives * (positives + 1) / 2
        return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1), np.nan)
