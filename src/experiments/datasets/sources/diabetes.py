"""The diabetes dataset, a regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.source import SplitSource
from experiments.datasets.table import Table


@dataclass(frozen=True, kw_only=True)
class Diabetes(SplitSource):
    """Progression of diabetes after a year: 442 rows, ten measurements (Efron et al. 2004).

    scikit-learn's default version is scaled with statistics of all rows. Here the raw
    measurements are loaded, and scaling is fitted on the training part.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    scale_targets : bool, default True
        Whether the target (25 to 346) is standardised; predictions are converted to raw units.
    """

    scale_targets: bool = True

    def load(self) -> Dataset:
        """Load, split and encode the dataset."""
        from sklearn.datasets import load_diabetes

        bunch = load_diabetes(scaled=False)
        return self.prepare(
            name="diabetes",
            task=Task.REGRESSION,
            table=Table.of_numbers(np.asarray(bunch.data), tuple(map(str, bunch.feature_names))),
            targets=np.asarray(bunch.target, np.float64)[:, None],
            target_names=("progression",),
            scale_targets=self.scale_targets,
        )
