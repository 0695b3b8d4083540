"""The loss of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Array
from .probe import Probe, Probed


@dataclass(frozen=True)
class ClassLoss(Probe):
    """The mean loss of the rows, or steps, of each class; no value for a class without any.

    Parameters
    ----------
    every, part, rows
        See :class:`Probe`.
    """

    name: ClassVar[str] = "class_loss"
    needs_classes: ClassVar[bool] = True

    def measure(self, probed: Probed) -> dict[str, Array]:
        network, targets = probed.network, probed.targets
        losses = np.empty((network.runs, targets.shape[1], *network.steps), network.dtype)
        for rows, logits in network.logits(probed.inputs):
            losses[:, rows] = network.objective.per_sample(logits, targets[:, rows])
        losses = losses.reshape(network.runs, -1)  # each step of a sequence has a class
        (encoded,) = targets
        classes = max(network.outputs, 2)  # one output stands for two classes
        if network.steps:
            labels = encoded.reshape(-1)
        else:
            labels = encoded.argmax(axis=1) if encoded.shape[1] > 1 else encoded[:, 0] > 0.5
        return {
            # Contiguous, so that a run's sum has the same order in every stack.
            str(label): np.ascontiguousarray(losses[:, labels == label]).mean(axis=1)
            if (labels == label).any()
            else np.full(network.runs, np.nan)
            for label in range(classes)
        }
