"""The metrics that are measured of one part of a dataset, beside the loss and the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from nn.metrics import Metric, Predictions
from nn.objective import Objective
from nn.typing import Array

Totals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measures:
    """The metrics of one part.

    Parameters
    ----------
    metrics : sequence of Metric
        The metrics.
    dataset : Dataset
        The dataset, whose task and units the metrics need.
    part : str
        The name of the part.
    """

    metrics: Sequence[Metric]
    dataset: Dataset
    part: str

    def of(self, objective: Objective, logits: Sequence[Array]) -> dict[str, Totals]:
        """Compute the metrics.

        Parameters
        ----------
        objective : Objective
            Turns logits into outputs.
        logits : sequence of ndarray of shape (runs, rows, outputs)
            The logits of all rows, in blocks.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
            The values by key; NaN where a metric is undefined or a run's outputs are not finite.
        """
        outputs = np.concatenate([objective.outputs(block) for block in logits], axis=1)
        outputs = outputs.reshape(len(outputs), -1, outputs.shape[-1])  # each step is a row
        finite = np.isfinite(outputs).all(axis=(1, 2))
        predictions = self._predictions(np.ascontiguousarray(outputs[finite], np.float64))
        measured = {}
        for metric in self.metrics:
            values = measured[metric.key] = np.full(len(outputs), np.nan)
            if finite.any():
                values[finite] = metric.value(predictions)
        return measured

    def _predictions(self, outputs: Totals) -> Predictions:
        dataset, targets = self.dataset, self.dataset.parts[self.part].targets
        if dataset.task.has_classes:
            targets = np.eye(dataset.outputs)[targets.reshape(-1)]
            if outputs.shape[2] == 1:  # of the second of two classes
                outputs = np.concatenate([1 - outputs, outputs], axis=2)
        else:  # unchanged, unless they are scaled numbers
            outputs, targets = map(dataset.preprocessing.decode_targets, (outputs, targets))
        return Predictions(dataset.task.value, outputs, targets)
