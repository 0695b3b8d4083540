"""How a dataset's targets meet a network's outputs, and which losses fit which task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset, Part, Task
from experiments.errors import ConfigError
from nn.objective import Objective


@dataclass(frozen=True)
class Encoding:
    """The form in which a network sees targets.

    Parameters
    ----------
    outputs : int
        Width of the network's output.
    one_hot : bool
        Whether classes are spread over the outputs, 1 at the class and 0 elsewhere.
    """

    outputs: int
    one_hot: bool

    def encode(self, part: Part, dtype: str) -> NDArray[np.floating]:
        """Encode the targets of a part: an ndarray (rows, outputs) of `dtype`."""
        targets = np.asarray(part.targets)
        if not self.one_hot:
            return targets.reshape(len(targets), self.outputs).astype(dtype)
        rows: NDArray[np.floating] = np.eye(self.outputs, dtype=dtype)[targets]
        return rows


def encoding_for(dataset: Dataset, objective: Objective) -> Encoding:
    """Decide how the targets of `dataset` are encoded for `objective`.

    Two classes need one output, or two if the loss or the output activation is over a distribution
    of classes; more classes need one each. Labels and numbers stay as they are.

    Raises
    ------
    ConfigError
        If the loss does not fit the task; the message names losses that do.
    """
    task, loss = dataset.task, objective.loss
    exclusive = objective.activation.gives_distribution
    if task is Task.REGRESSION and loss.over_probabilities:
        raise _misfit(dataset, loss.label, "mse, mae or huber")
    if task is Task.MULTILABEL:
        if loss.target_form == "classes":
            raise _misfit(dataset, loss.label, "binary_cross_entropy")
        if exclusive:
            raise _misfit(
                dataset,
                f"{loss.label} with {objective.activation.label} outputs",
                "binary_cross_entropy",
            )
        return Encoding(len(dataset.target_names), one_hot=False)
    if task is Task.REGRESSION:
        return Encoding(dataset.train.targets.shape[1], one_hot=False)
    classes = len(dataset.target_names)
    if classes == 2 and not exclusive and loss.target_form != "classes":
        return Encoding(1, one_hot=False)
    return Encoding(classes, one_hot=True)


def _misfit(dataset: Dataset, loss: str, better: str) -> ConfigError:
    kind = "numbers" if dataset.task is Task.REGRESSION else "several labels a row"
    return ConfigError(
        f"loss: {loss} does not fit dataset {dataset.name}, whose targets are {kind} "
        f"({dataset.task}); use loss={better}"
    )
