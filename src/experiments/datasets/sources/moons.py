"""Two interleaved half circles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.sources.generated import Generated


@dataclass(frozen=True, kw_only=True)
class Moons(Generated):
    """Two interleaved half circles of radius 1, which no line separates.

    The upper one is centred at (0, 0), the lower one at (1, 0.5).

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows, noise
        See `Generated`; `noise` is 0.1 by default.
    """

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the two half circles."""
        return ("upper", "lower")

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on a half circle."""
        x, y = np.cos(np.pi * t), np.sin(np.pi * t)
        return np.stack([x, y] if label == 0 else [1 - x, 0.5 - y], axis=1)
