"""The mean absolute error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Float64Array
from .metric import Metric, Predictions, TaskName


@dataclass(frozen=True)
class MAE(Metric):
    """mean abs(ŷ - y) in the units of the data, averaged over the targets."""

    name: ClassVar[str] = "mae"
    title: ClassVar[str] = "MAE"
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    tasks: ClassVar[tuple[TaskName, ...]] = ("regression",)

    def value(self, predictions: Predictions) -> Float64Array:
        error: Float64Array = np.abs(predictions.outputs - predictions.targets)
        each: Float64Array = error.mean(axis=1)
        mean: Float64Array = each.mean(axis=1)
        return mean
