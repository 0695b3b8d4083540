"""Datasets that papers on optimizers made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.source import Source
from experiments.datasets.splits import Split, whole_population
from experiments.datasets.table import Table
from nn.component import Fraction, Interval, Positive
from nn.metrics.metric import Metric, Predictions, TaskName
from nn.probes import Probe, Probed
from nn.randomness import stream
from nn.typing import Array, Float64Array


@dataclass(frozen=True, kw_only=True)
class Wilson(Source):
    """A least-squares problem on which adaptive methods fail to generalize (Wilson et al. 2017).

    A label is y = ±1. The first feature is y, the second always 1. Further features are 1 in a
    single row: one for each row with y = 1, five for each with y = -1. The paper's third feature is
    always 1, too, as a bias is.

    Parameters
    ----------
    seed, limit
        See `Source`.
    rows : int, default 100
        The number of rows to train on, and of others to test on.
    positive : float, default 0.6
        The probability of y = 1.
    """

    rows: Annotated[int, Interval(10, 1000)] = 100
    positive: Fraction = 0.6

    def load(self) -> Dataset:
        """Draw the labels and make the rows."""
        count = 2 * self.rows
        labels = np.where(stream(self.seed, "wilson").random(count) < self.positive, 1, -1)
        inputs = np.zeros((count, 2 + 5 * count))
        inputs[:, 0], inputs[:, 1] = labels, 1
        for row, label in enumerate(labels):
            own = 2 + 5 * row
            inputs[row, own : own + (1 if label == 1 else 5)] = 1
        numbers = np.arange(count)
        return prepare(
            name="wilson",
            task=Task.REGRESSION,
            table=Table.of_numbers(inputs),
            targets=labels[:, np.newaxis].astype(float),
            target_names=("label",),
            split=Split(numbers[: self.rows], numbers[:0], numbers[self.rows :]),
            scaling="none",
            scale_targets=False,
        )


@dataclass(frozen=True)
class SignAccuracy(Metric):
    """The share of rows whose number is predicted with the right sign."""

    higher_is_better: ClassVar[bool] = True
    tasks: ClassVar[tuple[TaskName, ...]] = ("regression",)

    def value(self, predictions: Predictions) -> Float64Array:
        right = np.sign(predictions.outputs) == np.sign(predictions.targets)
        share: Float64Array = right.mean(axis=(1, 2))
        return share


@dataclass(frozen=True, kw_only=True)
class HeavyTailed(Source):
    """Classes of very different frequencies, with uninformative inputs (Kunstner et al. 2024).

    There is one class with 2ᵐ rows, two have 2ᵐ⁻¹ each, and so on to 2ᵐ classes with one row each.
    Inputs are uniform in the unit cube, so a linear model can only memorize the rows.

    Parameters
    ----------
    seed, limit
        See `Source`.
    levels : int, default 6
        The number m.
    features : int, default 512
        The number of inputs.
    balanced : bool, default False
        Whether all classes have the same number of rows instead.
    """

    levels: Annotated[int, Interval(2, 9)] = 6
    features: Annotated[int, Interval(1, 10_000)] = 512
    balanced: bool = False

    def load(self) -> Dataset:
        """Draw the inputs and make the labels."""
        sizes = [
            2 ** (self.levels - level) for level in range(self.levels + 1) for _ in range(2**level)
        ]
        rows = sum(sizes)
        labels = (
            np.arange(rows) % len(sizes)
            if self.balanced
            else np.repeat(np.arange(len(sizes)), sizes)
        )
        inputs = stream(self.seed, "heavy tails").random((rows, self.features))
        return prepare(
            name="heavy_tailed",
            task=Task.MULTICLASS,
            table=Table.of_numbers(inputs),
            targets=labels,
            target_names=tuple(f"class {label}" for label in range(len(sizes))),
            split=whole_population(rows, validates=False),
            scaling="none",
        )


@dataclass(frozen=True)
class FrequencyLoss(Probe):
    """The mean loss of the rows of the most frequent and of the rarest classes.

    Parameters
    ----------
    every, part, rows
        See `Probe`.
    share : float, default 0.25
        The least share of the rows in each of the two: rows are added by frequency until it is
        reached, with all rows of equally frequent classes.
    """

    name: ClassVar[str] = "frequency"
    needs_classes: ClassVar[bool] = True
    share: Fraction = 0.25

    def measure(self, probed: Probed) -> dict[str, Array]:
        network = probed.network
        losses = np.concatenate(
            [
                network.objective.per_sample(logits, probed.targets[:, rows])
                for rows, logits in network.logits(probed.inputs)
            ],
            axis=1,
        )
        labels = probed.targets[0].argmax(axis=1)
        frequency = np.bincount(labels)[labels]
        places = np.sort(frequency)
        count = int(self.share * len(places))
        return {
            "rare": losses[:, frequency <= places[count - 1]].mean(axis=1),
            "common": losses[:, frequency >= places[-count]].mean(axis=1),
        }


@dataclass(frozen=True, kw_only=True)
class SparseWords(Source):
    """Sparse rows of zeros and ones, in which few features are frequent and most are rare.

    The probability of the k-th feature is proportional to 1/k, as that of words. The label is
    drawn from a logistic model whose weights are normal.

    Parameters
    ----------
    seed, limit
        See `Source`.
    rows : int, default 2000
        The number of rows to train on, and of others to validate and to test on.
    features : int, default 500
        The number of features.
    words : float, default 20.0
        The mean number of features that are 1 in a row.
    """

    rows: Annotated[int, Interval(10, 100_000)] = 2000
    features: Annotated[int, Interval(2, 10_000)] = 500
    words: Positive = 20.0

    def load(self) -> Dataset:
        """Draw the rows and the labels."""
        generator = stream(self.seed, "sparse words")
        share = 1 / np.arange(1, self.features + 1)
        chance = np.minimum(self.words * share / share.sum(), 1)
        inputs = (generator.random((3 * self.rows, self.features)) < chance).astype(float)
        scores = inputs @ generator.standard_normal(self.features)
        labels = generator.random(len(scores)) < 1 / (1 + np.exp(-scores))
        numbers = np.arange(len(labels))
        return prepare(
            name="sparse_words",
            task=Task.BINARY,
            table=Table.of_numbers(inputs),
            targets=labels.astype(int),
            target_names=("no", "yes"),
            split=Split(*np.split(numbers, 3)),
            scaling="none",
        )


@dataclass(frozen=True, kw_only=True)
class ModularAddition(Source):
    """All sums a + b modulo a prime; a and b are one-hot (Gromov 2023).

    Parameters
    ----------
    seed, limit
        See `Source`; the seed decides which half of the rows is trained on.
    prime : int, default 97
        The modulus p.
    share : float, default 0.5
        The share of rows to train on.
    """

    prime: Annotated[int, Interval(2, 200)] = 97
    share: Fraction = 0.5

    def load(self) -> Dataset:
        """Make the rows and split them."""
        p = self.prime
        first, second = np.divmod(np.arange(p * p), p)
        inputs = np.concatenate([np.eye(p)[first], np.eye(p)[second]], axis=1)
        order = stream(self.seed, "modular addition").permutation(p * p)
        count = round(self.share * p * p)
        return prepare(
            name="modular_addition",
            task=Task.MULTICLASS,
            table=Table.of_numbers(inputs),
            targets=(first + second) % p,
            target_names=tuple(map(str, range(p))),
            split=Split(np.sort(order[:count]), order[:0], np.sort(order[count:])),
            scaling="none",
        )
