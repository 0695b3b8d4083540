"""The adding problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.sources.made_sequences import MadeSequences
from nn.component import Interval

_DECIMALS = 6
_FIRST = 10  # the first mark is on one of so many pairs


@dataclass(frozen=True, kw_only=True)
class Adding(MadeSequences):
    """The sum of two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997, task 4).

    A step is a pair: a number, uniform in [-1, 1], and a marker. A sequence has from T to T + T/10
    steps. The marker is 1 for one of the first ten pairs and for one of the first T/2 - 1 other
    ones, -1 for the first and the last pair, and 0 elsewhere; if the first pair is to be marked,
    its number counts as 0. The target is 0.5 + (X₁ + X₂)/4, which lies in [0, 1]; a sequence
    counts as solved if the error is below 0.04.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows
        See `MadeSequences`.
    length : int, default 100
        T, the smallest number of steps, from 20 to 1000.
    """

    name: ClassVar[str] = "adding"
    task: ClassVar[Task] = Task.REGRESSION
    length: Annotated[int, Interval(20, 1000)] = 100

    @property
    def target_names(self) -> tuple[str, ...]:
        """The name of the target."""
        return ("sum",)

    @property
    def channels(self) -> tuple[str, ...]:
        """The numbers of a pair."""
        return "number", "marker"

    def make(
        self, rng: np.random.Generator, rows: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw sequences."""
        longest, each = self.length + self.length // 10, np.arange(rows)
        lengths = rng.integers(self.length, longest + 1, rows)
        numbers = np.round(rng.uniform(-1, 1, (rows, longest)), _DECIMALS)
        first = rng.integers(0, _FIRST, rows)
        second = rng.integers(0, self.length // 2 - 1, rows)
        second += second >= first  # among the pairs that are not marked yet
        markers = np.zeros((rows, longest))
        markers[each, first] = markers[each, second] = 1
        total = np.sum(np.where(markers == 1, numbers, 0)[:, 1:], axis=1)
        markers[:, 0] = markers[each, lengths - 1] = -1
        sequences = np.stack([numbers, markers], axis=1)
        ended = np.arange(longest) >= lengths[:, np.newaxis]
        np.copyto(sequences, np.nan, where=ended[:, np.newaxis])
        return sequences, np.round(0.5 + total / 4, _DECIMALS + 2)[:, np.newaxis]
