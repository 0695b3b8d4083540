"""The encoding of targets for a network's outputs, and which losses fit which task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset, Task
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
        Whether a class index becomes a row of zeros with a 1 at that index.
    by_step : bool
        Whether each step of a sequence has a class, whose index the loss gets.
    """

    outputs: int
    one_hot: bool
    by_step: bool = False

    def encode(self, targets: NDArray[Any], dtype: str) -> NDArray[Any]:
        """Encode the targets of some rows.

        Returns
        -------
        ndarray of shape (rows, outputs) and type `dtype`, or (rows, steps) of int
        """
        if self.by_step:
            return targets.astype(np.intp)
        if not self.one_hot:
            return targets.reshape(len(targets), self.outputs).astype(dtype)
        rows: NDArray[np.floating] = np.eye(self.outputs, dtype=dtype)[targets]
        return rows


def encoding_for(dataset: Dataset, objective: Objective) -> Encoding:
    """Decide how the targets of `dataset` are encoded for `objective`.

    Two classes need one output, or two if the loss or the output activation works on a
    distribution over classes; more classes need one output each. Labels and numbers are used
    unchanged.

    Parameters
    ----------
    dataset : Dataset
        The dataset whose targets are encoded.
    objective : Objective
        The loss and the output activation.

    Returns
    -------
    Encoding

    Raises
    ------
    ConfigError
        If the loss does not fit the task; the message names losses that do.
    """
    task, loss = dataset.task, objective.loss
    if task is Task.MINIMIZATION:
        if loss.target_form != "none":
            raise _misfit(dataset, loss.label, "value")
        return Encoding(1, one_hot=False)
    if loss.target_form == "none":
        better = "mse" if task is Task.REGRESSION else "cross_entropy"
        raise _misfit(dataset, loss.label, better)
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
    if dataset.samples.steps:
        if loss.target_form != "classes":
            raise _misfit(dataset, loss.label, "cross_entropy")
        return Encoding(classes, one_hot=False, by_step=True)
    if classes == 2 and not exclusive and loss.target_form != "classes":
        return Encoding(1, one_hot=False)
    return Encoding(classes, one_hot=True)


def _misfit(dataset: Dataset, loss: str, better: str) -> ConfigError:
    kind = {
        Task.REGRESSION: "numbers",
        Task.MULTILABEL: "several labels a row",
        Task.MINIMIZATION: "none",
    }.get(dataset.task, "classes")
    return ConfigError(
        f"loss: {loss} does not fit dataset {dataset.name}, whose targets are {kind} "
        f"({dataset.task}); use loss={better}"
    )
