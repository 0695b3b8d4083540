"""Fisher's irises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class Iris(Bundled):
    """Three species of iris: 150 rows, four measurements in centimetres (Fisher 1936).

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str] = "iris"

    def bunch(self) -> Any:
        """Load the dataset with scikit-learn."""
        from sklearn.datasets import load_iris

        return load_iris()
