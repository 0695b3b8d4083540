"""Diabetes progression: a regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.source import SplitSource
from experiments.datasets.table import Table


@dataclass(frozen=True, kw_only=True)
class Diabetes(SplitSource):
    """Progression of diabetes in a year by ten measurements: 442 rows (Efron et al. 2004).

    scikit-learn offers it scaled with statistics of all rows, test rows included; here the raw
    measurements are taken and scaled by the training part.

    Parameters
    ----------
    seed, limit, validation, test, scaling
        See `SplitSource`.
    scale_targets : bool, default True
        Whether the target (25 to 346) is standardised; predictions are taken back to raw units.
    """

    scale_targets: bool = True

    def load(self) -> Dataset:
        """Read the installed files."""
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
