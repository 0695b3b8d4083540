"""Displacements of the point of a function to minimize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.datasets.source import Source
from experiments.datasets.sources.minimization import prepare_rows
from experiments.errors import ConfigError
from nn.component import Count, Interval, NonNegative


@dataclass(frozen=True, kw_only=True)
class Displacements(Source):
    """Displacements of a function's point: none, or Gaussian ones, which make its values noisy.

    The value to minimize is the mean of f over the displaced points (`nn.functions.Landscape`).

    Parameters
    ----------
    name : str
        Name of the function, for people and records.
    coordinates : int
        Number of the point's coordinates.
    noise : float, default 0
        Standard deviation of the displacements.
    rows, test_rows : int, default 1, 0
        Number of displacements to train on, and of others to test on. Without noise there is one
        row, of zeros.
    seed : int, default 0
        Seed of the displacements, which ``numpy.random.RandomState(seed)`` draws for training, and
        ``RandomState(seed + 1)`` for the test.
    limit
        See `Source`.

    Raises
    ------
    ConfigError
        If there are several rows without noise, or a field is invalid.
    """

    cacheable = False

    name: str
    coordinates: Annotated[int, Interval(1, 1_000_000)]
    noise: NonNegative = 0.0
    rows: Count = 1
    test_rows: Annotated[int, Interval(0)] = 0
    seed: Annotated[int, Interval(0, 2**32 - 2)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.noise == 0 and (self.rows, self.test_rows) != (1, 0):
            raise ConfigError(
                f"dataset {self.name}: without noise all rows are alike. Give dataset.noise=0.1, "
                "say, or dataset.rows=1 and dataset.test_rows=0."
            )

    def load(self) -> Dataset:
        """Draw the displacements."""
        return prepare_rows(
            self.name, *(self._drawn(place, n) for place, n in enumerate(self._counts()))
        )

    def _counts(self) -> tuple[int, int]:
        most = max(self.rows, self.test_rows) if self.limit is None else self.limit
        return min(self.rows, most), min(self.test_rows, most)

    def _drawn(self, place: int, rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        # This generator never changes, and published problems are defined by it.
        rng = np.random.RandomState(self.seed + place)
        return rng.normal(0.0, self.noise, (rows, self.coordinates))
