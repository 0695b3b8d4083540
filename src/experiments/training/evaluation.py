"""Loss and score of a stack of networks on one part of a dataset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Task
from experiments.training.measures import Measures
from nn.network import Network
from nn.table_rows import TableRows

Array = NDArray[np.floating]
Totals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One part of a dataset, in the form that evaluation needs.

    Parameters
    ----------
    inputs : TableRows
        The network's inputs, for runs of one split.
    targets : TableRows
        The encoded targets, without label smoothing: losses stay comparable between runs that
        smooth differently.
    score : Score or None
        The score to report beside the loss, if the task has one.
    measures : Measures, optional
        The metrics to measure besides.
    """

    inputs: TableRows
    targets: TableRows
    score: Score | None
    measures: Measures | None = None

    def measure(self, network: Network, each: Array | None = None) -> dict[str, Totals]:
        """Return the mean loss, the score and the metrics of each run, by name.

        Parameters
        ----------
        network : Network
            The networks of the runs.
        each : ndarray of shape (runs, rows), optional
            An array that receives the loss of each row.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
        """
        loss = np.zeros(network.runs)
        score: Totals | float = 0.0
        kept: Array | None = None
        for rows, logits in network.logits(self.inputs):
            losses = network.losses(logits, self.targets.block(rows))
            if each is not None:
                each[:, rows] = losses
            loss += losses.astype(np.float64).sum(axis=1)
            if self.score is not None:
                score = score + self.score.total(network, logits, rows)
            if self.measures is not None:
                if kept is None:
                    shape = len(logits), len(self.inputs), *logits.shape[2:]
                    kept = np.empty(shape, logits.dtype)
                kept[:, rows] = logits
        measured = {"loss": loss / len(self.inputs)}
        if self.score is not None:
            measured[self.score.name] = self.score.finish(np.asarray(score))
        if self.measures is not None and kept is not None:
            measured |= self.measures.of(network.objective, kept)
        return measured


class Score(ABC):
    """A measure reported beside the loss; higher is better."""

    name: str

    @abstractmethod
    def total(self, network: Network, logits: Array, rows: slice) -> Totals:
        """Return each run's sum over `rows`, of shape (runs,) or (runs, outputs)."""

    @abstractmethod
    def finish(self, total: Totals) -> Totals:
        """Turn the sums over all rows into scores, of shape (runs,)."""


class Accuracy(Score):
    """Share of rows, or of their steps, whose most probable class is the correct one.

    Parameters
    ----------
    labels : ndarray of int, shape (rows,) or (rows, steps)
        The class index of each row, or of each of its steps; -1 for a step without a target, which
        does not count.
    """

    name = "accuracy"

    def __init__(self, labels: NDArray[np.integer]) -> None:
        self.labels = labels
        self.count = int(np.sum(labels >= 0))

    def total(self, network: Network, logits: Array, rows: slice) -> Totals:
        objective = network.objective
        outputs = logits if objective.activation.keeps_order else objective.outputs(logits)
        hits = outputs.argmax(axis=-1) == self.labels[rows]
        total: Totals = hits.reshape(len(hits), -1).sum(axis=1, dtype=np.float64)
        return total

    def finish(self, total: Totals) -> Totals:
        return total / self.count


class ThresholdAccuracy(Score):
    """Share of outputs on the correct side of ½: a binary task, or several labels per row.

    Parameters
    ----------
    labels : ndarray of shape (rows, outputs)
        The labels, each 0 or 1.
    """

    name = "accuracy"

    def __init__(self, labels: NDArray[Any]) -> None:
        self.labels = labels > 0.5

    def total(self, network: Network, logits: Array, rows: slice) -> Totals:
        outputs = network.objective.outputs(logits)
        hits: Totals = ((outputs > 0.5) == self.labels[rows]).sum(axis=(1, 2), dtype=np.float64)
        return hits

    def finish(self, total: Totals) -> Totals:
        return total / self.labels.size


class R2(Score):
    """Coefficient of determination, 1 - Σ(ŷ-y)² / Σ(y-ȳ)², averaged over the outputs.

    A constant target scores 1 if it is predicted exactly and 0 otherwise.

    Parameters
    ----------
    targets : ndarray of shape (rows, outputs)
        The targets in the network's units.
    """

    name = "r2"

    def __init__(self, targets: Array) -> None:
        self.targets = targets.astype(np.float64)
        self.variation = ((self.targets - self.targets.mean(axis=0)) ** 2).sum(axis=0)
        # Rounding can make the mean of equal numbers differ from them in the last digit.
        self.variation[(self.targets == self.targets[0]).all(axis=0)] = 0

    def total(self, network: Network, logits: Array, rows: slice) -> Totals:
        outputs = network.objective.outputs(logits).astype(np.float64)
        squares: Totals = ((outputs - self.targets[rows]) ** 2).sum(axis=1)
        return squares

    def finish(self, total: Totals) -> Totals:
        varies = self.variation > 0
        lost = np.where(varies, total / np.where(varies, self.variation, 1), total != 0)
        score: Totals = 1 - lost.mean(axis=1)
        return score


def score_for(task: Task, labels: NDArray[np.generic], encoded: TableRows) -> Score | None:
    """Choose the score for a task; None if there is nothing to predict.

    Parameters
    ----------
    task : Task
        The task of the dataset.
    labels : ndarray
        The targets as the dataset stores them.
    encoded : TableRows
        The same targets, encoded for the network.

    Returns
    -------
    Score or None
    """
    if task is Task.MINIMIZATION:
        return None
    if task is Task.REGRESSION:
        return R2(encoded.whole()[0])
    by_step = task.has_classes and labels.ndim == 2
    if task is Task.MULTILABEL or (encoded.columns == 1 and not by_step):
        return ThresholdAccuracy(labels.reshape(-1, encoded.columns))
    return Accuracy(labels.astype(np.intp, copy=False))
