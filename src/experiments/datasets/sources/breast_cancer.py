"""The Wisconsin Diagnostic Breast Cancer dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class BreastCancer(Bundled):
    """Breast tumours, malignant or benign: 569 rows, 30 measurements of cell nuclei.

    Wisconsin Diagnostic Breast Cancer (Street et al. 1993). Malignant is class 0.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    """

    name: ClassVar[str] = "breast_cancer"

    def bunch(self) -> Any:
        """Load the dataset with scikit-learn."""
        from sklearn.datasets import load_breast_cancer

        return load_breast_cancer()
