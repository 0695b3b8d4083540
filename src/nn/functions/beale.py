"""Beale's function, flat far from its minimum and steep at the corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Finite
from ..typing import Array
from .function import Landscape

_TARGETS = 1.5, 2.25, 2.625


@dataclass
class Beale(Landscape):
    """g = Σᵢ (cᵢ - z₁ + z₁z₂ⁱ)² with c = 1.5, 2.25, 2.625; the minimum is 0 at (3, ½) (Beale 1958).

    Parameters
    ----------
    start : float or list of float, default [1, 1]
        The starting point.
    spread
        See :class:`Function`.
    """

    name: ClassVar[str] = "beale"
    coordinates: ClassVar[int | None] = 2
    start: Finite | tuple[Finite, ...] = (1.0, 1.0)

    def value(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        total = np.zeros_like(x)
        for power, target in enumerate(_TARGETS, 1):
            total += (target - x + x * y**power) ** 2
        return total

    def gradient(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        gradient = np.zeros_like(points)
        for power, target in enumerate(_TARGETS, 1):
            residual = 2 * (target - x + x * y**power)
            gradient[..., 0] += residual * (y**power - 1)
            gradient[..., 1] += residual * power * x * y ** (power - 1)
        return gradient
