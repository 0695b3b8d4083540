"""Interleaved spirals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.sources.generated import Generated
from nn.component import Interval, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class Spirals(Generated):
    """Archimedean spirals that wind around each other, from near the origin to radius 1.

    The point at t in [0, 1] on an arm has radius r = 0.05 + 0.95·√t, which spaces the points
    evenly along the arm, and angle 2π·turns·r. The arms are rotated by equal angles.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, rows, noise
        See `Generated`; `noise` is 0.02 by default.
    arms : int, default 2
        Number of spirals, from 2 to 10. Each is a class.
    turns : float, default 1.5
        Number of turns of each spiral around the origin; more are harder to learn.
    """

    noise: NonNegative = 0.02
    arms: Annotated[int, Interval(2, 10)] = 2
    turns: Positive = 1.5

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the spirals."""
        return tuple(f"arm{number}" for number in range(1, self.arms + 1))

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on a spiral."""
        radius = 0.05 + 0.95 * np.sqrt(t)
        angle = 2 * np.pi * (self.turns * radius + label / self.arms)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
