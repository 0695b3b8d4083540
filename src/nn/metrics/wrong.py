"""The number of rows that are predicted wrongly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..component import Positive
from ..typing import Float64Array
from .metric import Metric, Predictions


@dataclass(frozen=True)
class Wrong(Metric):
    """Number of rows that are wrong; a sequence is wrong if any of its steps is.

    Parameters
    ----------
    tolerance : float, optional
        The smallest error of an output, or of the probability of a class or label, that makes a
        row wrong. By default a row is wrong if the predicted class or labels are not the true ones;
        numbers need a tolerance.
    """

    name: ClassVar[str] = "wrong"
    title: ClassVar[str] = "wrong rows"
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    tolerance: Positive | None = None

    def misfit(self, task: str) -> str | None:
        if task == "regression" and self.tolerance is None:
            return (
                "wrong needs a tolerance for numbers, such as "
                "'training.metrics=[{name: wrong,tolerance: 0.04}]'"
            )
        return super().misfit(task)

    def value(self, predictions: Predictions) -> Float64Array:
        wrong, sequences = self.wrong(predictions), predictions.sequences
        if sequences is not None:
            first = np.flatnonzero(np.diff(sequences, prepend=-1))
            wrong = np.logical_or.reduceat(wrong, first, axis=1)
        count: Float64Array = wrong.sum(axis=1, dtype=np.float64)
        return count

    def wrong(self, predictions: Predictions) -> NDArray[np.bool_]:
        """Return which rows, or steps, are wrong, (runs, rows)."""
        if self.tolerance is None:
            outputs = predictions.chosen != predictions.true
        else:
            outputs = ~(np.abs(predictions.outputs - predictions.targets) < self.tolerance)
        rows: NDArray[np.bool_] = outputs.any(axis=2)
        return rows
