"""The base class of the sequences that are made up by the recipe of a paper."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import SplitSource
from experiments.datasets.table import Table
from nn.component import Interval
from nn.randomness import stream


@dataclass(frozen=True, kw_only=True)
class MadeSequences(SplitSource):
    """Base of the made-up sequences: a task that needs what was read many steps before.

    Parameters
    ----------
    seed, limit, split, validation, test, scaling
        See `SplitSource`; the sequences are not scaled.
    rows : int, default 10000
        Number of sequences, from 10 to a million.
    counts : sequence of int, optional
        Numbers of training, validation and test sequences, instead of `rows` and fractions.
    """

    name: ClassVar[str]
    task: ClassVar[Task]
    padded: ClassVar[bool] = True
    """Whether sequences have different lengths."""

    rows: Annotated[int, Interval(10, 1_000_000)] = 10_000
    scaling: Scaling = "none"

    @property
    @abstractmethod
    def target_names(self) -> tuple[str, ...]:
        """The names of the classes, or of the targets."""

    @property
    @abstractmethod
    def channels(self) -> tuple[str, ...]:
        """The names of the numbers of a step."""

    @abstractmethod
    def make(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.floating], NDArray[np.generic]]:
        """Draw sequences.

        Parameters
        ----------
        rng : numpy.random.Generator
            The random stream.
        rows : int
            Number of sequences.

        Returns
        -------
        sequences : ndarray of shape (rows, channels, length)
            The numbers of each step; NaN after the end of a sequence.
        targets : ndarray
            The targets, as for :func:`~experiments.datasets.prepare.prepare`.
        """

    def load(self) -> Dataset:
        """Make and split the sequences."""
        rows = self.rows if self.counts is None else sum(self.counts)
        sequences, targets = self.make(stream(self.seed, "generation"), rows)
        steps = range(1, sequences.shape[2] + 1)
        names = [f"{channel}_{step}" for channel in self.channels for step in steps]
        return self.prepare(
            name=self.name,
            task=self.task,
            table=Table.of_numbers(sequences.reshape(rows, -1), names),
            targets=targets,
            target_names=self.target_names,
            scale_targets=False,
            shape=sequences.shape[1:],
            padded=self.padded,
        )


def one_hot(symbols: NDArray[np.integer], count: int) -> NDArray[np.float16]:
    """Return symbols as zeros and a one in each step; NaN where a sequence has ended.

    Parameters
    ----------
    symbols : ndarray of int, shape (rows, length)
        Indices of symbols; -1 after the end of a sequence.
    count : int
        Number of different symbols.

    Returns
    -------
    ndarray of shape (rows, count, length)
        In half precision, which holds them exactly.
    """
    # The last row of the table, which -1 chooses, stands for the end.
    table = np.vstack([np.eye(count), np.full((1, count), np.nan)]).astype(np.float16)
    return np.ascontiguousarray(table[symbols].swapaxes(1, 2))
