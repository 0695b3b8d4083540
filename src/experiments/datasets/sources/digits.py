"""Handwritten digits, small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.scaling import Scaling
from experiments.datasets.sources.bundled import Bundled


@dataclass(frozen=True, kw_only=True)
class Digits(Bundled):
    """Handwritten digits 0 to 9 as 8×8 images with pixels 0 to 16: 1797 rows, inputs float32.

    The test part of the optical recognition set of Alpaydin & Kaynak (1998).

    Parameters
    ----------
    seed, limit, validation, test
        See `SplitSource`.
    scaling : {"standard", "minmax", "max", "none"}, default "max"
        "max" divides by the brightest pixel and keeps the picture; many pixels at the rim are
        nearly constant, and "standard" would blow up their noise.
    """

    name: ClassVar[str] = "digits"
    image_shape: ClassVar[tuple[int, int] | None] = (8, 8)

    scaling: Scaling = "max"

    def bunch(self) -> Any:
        """Load it through scikit-learn."""
        from sklearn.datasets import load_digits

        return load_digits()
