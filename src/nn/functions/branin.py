"""Branin's function, with three global minima."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from ..component import Finite
from ..typing import Array
from .function import Landscape

_B: Final = 5.1 / (4 * math.pi**2)
_C: Final = 5 / math.pi
_T: Final = 10 * (1 - 1 / (8 * math.pi))


@dataclass
class Branin(Landscape):
    """g = (z₂ - bz₁² + cz₁ - 6)² + 10(1 - 1/8π)cos z₁ + 10 (Branin 1972; Dixon & Szegő 1978).

    b = 5.1/4π² and c = 5/π. The minimum is 5/4π ≈ 0.397887, at (-π, 12.275), (π, 2.275) and
    (3π, 2.475).

    Parameters
    ----------
    start : float or list of float, default [2.5, 7.5]
        The starting point; by default the centre of the usual domain, [-5, 10] × [0, 15].
    spread
        See :class:`Function`.
    """

    name: ClassVar[str] = "branin"
    coordinates: ClassVar[int | None] = 2
    start: Finite | tuple[Finite, ...] = (2.5, 7.5)

    def value(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        value: Array = (y - _B * x * x + _C * x - 6) ** 2 + _T * np.cos(x) + 10
        return value

    def gradient(self, points: Array) -> Array:
        x, y = points[..., 0], points[..., 1]
        slope = 2 * (y - _B * x * x + _C * x - 6)
        return np.stack([slope * (_C - 2 * _B * x) - _T * np.sin(x), slope], axis=-1)
