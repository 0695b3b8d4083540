"""The distance to the rows, which is convex and not smooth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Array
from .function import Landscape


@dataclass
class Absolute(Landscape):
    """g = Σᵢ abs(zᵢ), with the derivative 0 at 0; its mean over rows is least at their median.

    Parameters
    ----------
    start, spread
        See :class:`Function`.
    """

    name: ClassVar[str] = "absolute"

    def value(self, points: Array) -> Array:
        value: Array = np.abs(points).sum(axis=-1)
        return value

    def gradient(self, points: Array) -> Array:
        return np.sign(points)
