"""A circle within a circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.sources.generated import Generated
from nn.component import Interval, NonNegative


@dataclass(frozen=True, kw_only=True)
class Circles(Generated):
    """A circle of radius 1 and one of radius `factor` within it.

    Parameters
    ----------
    seed, limit, validation, test, scaling, rows, noise
        See `Generated`; `noise` 0.08 by default.
    factor : float, default 0.5
        The radius of the inner circle, between 0 and 1.
    """

    noise: NonNegative = 0.08
    factor: Annotated[float, Interval(0, 1, "neither")] = 0.5

    @property
    def class_names(self) -> tuple[str, ...]:
        """Outer and inner circle."""
        return ("outer", "inner")

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Go round once; the last point falls on the first, which does no harm."""
        radius = self.factor if label == 1 else 1.0
        angle = 2 * np.pi * t
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
