"""Points with a linear target and noise, made up for linear regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.sources.linear_data import LinearData
from experiments.datasets.table import Table


@dataclass(frozen=True, kw_only=True)
class LinearRegression(LinearData):
    """A number to predict, y = x·w + noise, whose inputs have very different variances.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows, features, noise, condition
        See `LinearData`.
    """

    def load(self) -> Dataset:
        """Generate and split the rows."""
        inputs, outputs = self.drawn()
        return self.prepare(
            name="linear_regression",
            task=Task.REGRESSION,
            table=Table.of_numbers(inputs),
            targets=outputs[:, np.newaxis],
            target_names=("y",),
            scale_targets=False,
        )
