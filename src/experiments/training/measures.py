"""The metrics that are measured of one part of a dataset, beside the loss and the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

    def of(self, objective: Objective, logits: Array) -> dict[str, Totals]:
        """Compute the metrics.

        Parameters
        ----------
        objective : Objective
            Turns logits into outputs.
        logits : ndarray of shape (runs, rows, *steps, outputs)
            The logits of all rows.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
            The values by key; NaN where a metric is undefined or a run's outputs are not finite.
        """
        outputs = objective.outputs(logits)
        sequences: NDArray[np.intp] | None = None
        targets = self.dataset.parts[self.part].targets
        if outputs.ndim == 4:  # each step with a target is a row
            counted = np.flatnonzero(targets >= 0)
            sequences = counted // targets.shape[1]
            targets = targets.reshape(-1)[counted]
            outputs = outputs.reshape(len(outputs), -1, outputs.shape[-1])[:, counted]
        finite = np.isfinite(outputs).all(axis=(1, 2))
        predictions = self._predictions(
            np.ascontiguousarray(outputs[finite], np.float64), targets, sequences
        )
        measured = {}
        for metric in self.metrics:
            values = measured[metric.key] = np.full(len(outputs), np.nan)
            if finite.any():
                values[finite] = metric.value(predictions)
        return measured

    def _predictions(
        self, outputs: Totals, targets: NDArray[Any], sequences: NDArray[np.intp] | None
    ) -> Predictions:
        dataset = self.dataset
        if dataset.task.has_classes:
            targets = np.eye(dataset.outputs)[targets]
            if outputs.shape[2] == 1:  # of the second of two classes
                outputs = np.concatenate([1 - outputs, outputs], axis=2)
        else:  # unchanged, unless they are scaled numbers
            outputs, targets = map(dataset.preprocessing.decode_targets, (outputs, targets))
        return Predictions(dataset.task.value, outputs, targets, sequences)
