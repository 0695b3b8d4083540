"""Handwritten digits as small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.datasets.scaling import Scaling
from experiments.datasets.sources.bundled import Bundled
from nn.typing import Shape


@dataclass(frozen=True, kw_only=True)
class Digits(Bundled):
    """Handwritten digits 0 to 9: 1797 images of 8×8 pixels from 0 to 16.

    The test set of the optical recognition data of Alpaydin & Kaynak (1998). Inputs are float32.

    Parameters
    ----------
    seed, limit, split, counts, validation, test
        See `SplitSource`.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "max"
        Scaling of the pixels. "max" divides by the brightest pixel and preserves the image;
        "standard" would amplify the noise of the nearly constant pixels at the border.
    """

    name: ClassVar[str] = "digits"
    shape: ClassVar[Shape | None] = (1, 8, 8)

    scaling: Scaling = "max"

    def bunch(self) -> Any:
        """Load the dataset with scikit-learn."""
        from sklearn.datasets import load_digits

        return load_digits()
