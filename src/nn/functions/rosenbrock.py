"""Rosenbrock's function, a curved valley."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Finite
from ..typing import Array
from .function import Landscape


@dataclass
class Rosenbrock(Landscape):
    """g = 100(z₂ - z₁²)² + (1 - z₁)², with the minimum 0 at (1, 1) (Rosenbrock 1960).

    Parameters
    ----------
    start : float or list of float, default [-1.2, 1]
        The starting point.
    spread
        See :class:`Function`.
    """

    name: ClassVar[str] = "rosenbrock"
    coordinates: ClassVar[int | None] = 2
    start: Finite | tuple[Finite, ...] = (-1.2, 1.0)

    def value(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        value: Array = 100 * (y - x * x) ** 2 + (1 - x) ** 2
        return value

    def gradient(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        rise = y - x * x
        return np.stack([-400 * x * rise - 2 * (1 - x), 200 * rise], axis=-1)
