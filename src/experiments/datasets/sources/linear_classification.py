"""Points of two classes that a line separates but for noise, made up for linear models."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.sources.linear_data import LinearData
from experiments.datasets.table import Table


@dataclass(frozen=True, kw_only=True)
class LinearClassification(LinearData):
    """Two classes, the sign of x·w + noise, whose inputs have very different variances.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows, features, noise, condition
        See `LinearData`.
    """

    def load(self) -> Dataset:
        """Generate and split the rows."""
        inputs, outputs = self.drawn()
        return self.prepare(
            name="linear_classification",
            task=Task.BINARY,
            table=Table.of_numbers(inputs),
            targets=outputs > 0,
            target_names=("negative", "positive"),
        )
