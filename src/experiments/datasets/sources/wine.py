"""Wines of three growers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class Wine(Bundled):
    """Three growers of wine by 13 chemical measurements: 178 rows (Forina et al. 1988).

    Parameters
    ----------
    seed, limit, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str] = "wine"

    def bunch(self) -> Any:
        """Load it through scikit-learn."""
        from sklearn.datasets import load_wine

        return load_wine()
