"""Two interleaved half circles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.sources.generated import Generated


@dataclass(frozen=True, kw_only=True)
class Moons(Generated):
    """Two interleaved half circles of radius 1: not separable by a line.

    The upper is centred on (0, 0), the lower, upside down, on (1, 0.5).

    Parameters
    ----------
    seed, limit, validation, test, scaling, rows, noise
        See `Generated`; `noise` 0.1 by default.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """Upper and lower moon."""
        return ("upper", "lower")

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Half a circle."""
        x, y = np.cos(np.pi * t), np.sin(np.pi * t)
        return np.stack([x, y] if label == 0 else [1 - x, 0.5 - y], axis=1)
