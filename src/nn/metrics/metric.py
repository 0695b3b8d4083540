"""The base class of metrics, and the predictions that they measure."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..component import Component
from ..typing import Float64Array

TaskName = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a stack of networks for some rows, and the truth about these.

    Parameters
    ----------
    task : {"binary", "multiclass", "multilabel", "regression"}
        The kind of prediction.
    outputs : float64 ndarray of shape (runs, rows, columns)
        The activated outputs: a column for each class (both of a binary task), label or target, the
        latter in the units of the data. All are finite.
    targets : float64 ndarray of shape (rows, columns)
        The truth: 1 for the class or the labels of a row and 0 elsewhere, or the numbers.
    sequences : ndarray of int, shape (rows,), optional
        If the rows are the steps of sequences: the number of the sequence to which each row
        belongs, in ascending order.
    """

    task: str
    outputs: Float64Array
    targets: Float64Array
    sequences: NDArray[np.intp] | None = None

    @cached_property
    def true(self) -> NDArray[np.bool_]:
        """The columns that are true of each row, (rows, columns), for classes and labels."""
        return self.targets > 0.5

    @cached_property
    def chosen(self) -> NDArray[np.bool_]:
        """The columns that are predicted, (runs, rows, columns), for classes and labels.

        They are the class of the largest output, the first of several, or all labels above ½.
        """
        if self.task == "multilabel":
            return self.outputs > 0.5
        columns = np.arange(self.outputs.shape[2])
        largest: NDArray[np.bool_] = self.outputs.argmax(axis=2)[..., np.newaxis] == columns
        return largest


@dataclass(frozen=True)
class Metric(Component):
    """Base of the metrics. A metric of your own is a subclass in a module of your own.

    Attributes
    ----------
    higher_is_better : bool
        Whether a higher value is the better one.
    tasks : tuple of str
        The tasks for which the metric is defined; for others it is refused before training.
    limits : tuple of two floats
        The least and the greatest value that is possible.
    characters : bool
        Whether the metric is only defined where the classes are the characters of a text.
    title : str
        The name for people; by default :attr:`key`, with blanks for underscores.
    """

    higher_is_better: ClassVar[bool] = True
    tasks: ClassVar[tuple[TaskName, ...]] = ("binary", "multiclass", "multilabel", "regression")
    limits: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    characters: ClassVar[bool] = False
    title: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """The name in records, as in ``val/f1``: a word of letters, digits and underscores."""
        return self.name or type(self).__name__.lower()

    def misfit(self, task: str) -> str | None:
        """Explain why the metric cannot measure a task; None if it can."""
        if task in self.tasks:
            return None
        return f"{self.key} is defined for {_listed(self.tasks)} tasks, and not for {task} ones"

    @abstractmethod
    def value(self, predictions: Predictions) -> Float64Array:
        """Compute the metric of each run.

        Parameters
        ----------
        predictions : Predictions
            The outputs of all runs, and the truth.

        Returns
        -------
        float64 ndarray of shape (runs,)
            NaN where the metric is undefined, which is recorded as not measured.
        """


def _listed(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
