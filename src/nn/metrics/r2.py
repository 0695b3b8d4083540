"""The coefficient of determination."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Float64Array
from .metric import Metric, Predictions, TaskName


@dataclass(frozen=True)
class R2(Metric):
    """1 - Σ(ŷ-y)² / Σ(y-ȳ)², averaged over the targets.

    A constant target scores 1 if it is predicted exactly and 0 otherwise.
    """

    name: ClassVar[str] = "r2"
    title: ClassVar[str] = "R²"
    limits: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    tasks: ClassVar[tuple[TaskName, ...]] = ("regression",)

    def value(self, predictions: Predictions) -> Float64Array:
        targets = predictions.targets
        lost = ((predictions.outputs - targets) ** 2).sum(axis=1)
        variation = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
        # Rounding can make the mean of equal numbers differ from them in the last digit.
        varies = (targets != targets[0]).any(axis=0) & (variation > 0)
        share = np.where(varies, lost / np.where(varies, variation, 1), lost != 0)
        score: Float64Array = 1 - share.mean(axis=1)
        return score
