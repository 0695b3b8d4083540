"""The wine dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class Wine(Bundled):
    """Wines of three growers: 178 rows, 13 chemical measurements (Forina et al. 1988).

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str] = "wine"

    def bunch(self) -> Any:
        """Load the dataset with scikit-learn."""
        from sklearn.datasets import load_wine

        return load_wine()
