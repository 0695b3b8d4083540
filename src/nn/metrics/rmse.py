"""The root of the mean squared error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Float64Array
from .metric import Metric, Predictions, TaskName


@dataclass(frozen=True)
class RMSE(Metric):
    """√mean (ŷ - y)² in the units of the data, averaged over the targets."""

    name: ClassVar[str] = "rmse"
    title: ClassVar[str] = "RMSE"
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    tasks: ClassVar[tuple[TaskName, ...]] = ("regression",)

    def value(self, predictions: Predictions) -> Float64Array:
        squares = (predictions.outputs - predictions.targets) ** 2
        roots: Float64Array = np.sqrt(squares.mean(axis=1)).mean(axis=1)
        return roots
