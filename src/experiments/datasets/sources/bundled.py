"""The base class of the datasets that come with scikit-learn."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.source import SplitSource
from experiments.datasets.table import Table
from nn.typing import Shape


@dataclass(frozen=True, kw_only=True)
class Bundled(SplitSource):
    """Base of the classification datasets that come with scikit-learn.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str]
    shape: ClassVar[Shape | None] = None

    @abstractmethod
    def bunch(self) -> Any:
        """Import and call scikit-learn's loader."""

    def load(self) -> Dataset:
        """Load, split and encode the dataset."""
        bunch = self.bunch()
        names = tuple(str(name) for name in bunch.target_names)
        return self.prepare(
            name=self.name,
            task=Task.BINARY if len(names) == 2 else Task.MULTICLASS,
            table=Table.of_numbers(np.asarray(bunch.data), tuple(map(str, bunch.feature_names))),
            targets=np.asarray(bunch.target, np.int64),
            target_names=names,
            shape=self.shape,
        )
