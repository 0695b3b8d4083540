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
    """Spirals that wind round each other from near the origin to radius 1.

    Point t of an arm has radius 0.05 + 0.95·√t (so that points lie evenly along the arm) and the
    angle of its radius, `turns` times round; the arms are turned against each other by equal
    angles.

    Parameters
    ----------
    seed, limit, validation, test, scaling, rows, noise
        See `Generated`; `noise` 0.02 by default.
    arms : int, default 2
        How many, each a class of its own, 2 to 10.
    turns : float, default 1.5
        How often each winds round the origin; more is harder.
    """

    noise: NonNegative = 0.02
    arms: Annotated[int, Interval(2, 10)] = 2
    turns: Positive = 1.5

    @property
    def class_names(self) -> tuple[str, ...]:
        """One class an arm."""
        return tuple(f"arm{number}" for number in range(1, self.arms + 1))

    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Wind an Archimedean spiral."""
        radius = 0.05 + 0.95 * np.sqrt(t)
        angle = 2 * np.pi * (self.turns * radius + label / self.arms)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
