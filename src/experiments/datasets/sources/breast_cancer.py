"""Breast tumours, malignant or benign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class BreastCancer(Bundled):
    """Malignant (class 0) or benign (class 1), by 30 measurements of cell nuclei: 569 rows.

    Wisconsin Diagnostic Breast Cancer (Street et al. 1993).

    Parameters
    ----------
    seed, limit, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str] = "breast_cancer"

    def bunch(self) -> Any:
        """Load it through scikit-learn."""
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer()
