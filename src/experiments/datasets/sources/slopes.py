"""Slopes of online linear problems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.datasets.dataset import Dataset
from experiments.datasets.source import Source
from experiments.datasets.sources.minimization import prepare_rows
from experiments.errors import ConfigError
from nn.component import Count, Finite


@dataclass(frozen=True, kw_only=True)
class Slopes(Source):
    """The slopes of a linear function of one number, one for each step of a period.

    With ``training.order=as_given`` and ``batch_size=1``, step t of each epoch has slope t; with
    ``order=with_replacement``, each step draws one. The function is `nn.functions.Linear`.

    Parameters
    ----------
    name : str
        Name of the problem, for people and records.
    slopes : list of float
        The slopes.
    times : list of int
        The number of steps in a row for which each slope holds.
    seed, limit
        See `Source`; nothing is drawn.
    """

    cacheable = False

    name: str
    slopes: tuple[Finite, ...]
    times: tuple[Count, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("slopes", "times"):
            object.__setattr__(self, field, tuple(getattr(self, field)))  # sources are hashed
        if not self.slopes or len(self.slopes) != len(self.times):
            raise ConfigError(
                f"dataset {self.name}: dataset.slopes and dataset.times must have the same length, "
                f"at least 1, but have {len(self.slopes)} and {len(self.times)}."
            )

    def load(self) -> Dataset:
        """Repeat the slopes."""
        rows = np.repeat(np.array(self.slopes, np.float64), self.times)[: self.limit]
        return prepare_rows(self.name, rows[:, np.newaxis], np.empty((0, 1)))
