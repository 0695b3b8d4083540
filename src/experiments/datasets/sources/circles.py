"""Two concentric circles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.sources.generated import Generated
from nn.component import Interval, NonNegative


@dataclass(frozen=True, kw_only=True)
class Circles(Generated):
    """Two concentric circles, of radius 1 and `factor`.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows, noise
        See `Generated`; `noise` is 0.08 by default.
    factor : float, default 0.5
        Radius of the inner circle, between 0 and 1.
    """

    noise: NonNegative = 0.08
    factor: Annotated[float, Interval(0, 1, "neither")] = 0.5

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the two circles."""
        return ("outer", "inner")

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on a circle; the last one coincides with the first."""
        radius = self.factor if label == 1 else 1.0
        angle = 2 * np.pi * t
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
