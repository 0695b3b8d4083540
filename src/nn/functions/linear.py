"""A linear function, whose slope is the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Array
from .function import Function


@dataclass
class Linear(Function):
    """f(θ; x) = x·θ: online convex problems whose slope changes from step to step.

    It is bounded only within a box (``training.box``).

    Parameters
    ----------
    start, spread
        See :class:`Function`.
    """

    name: ClassVar[str] = "linear"

    def values(self, point: Array, rows: Array) -> Array:
        values: Array = np.matmul(rows, point.transpose(0, 2, 1))[:, :, 0]
        return values

    def slopes(self, point: Array, rows: Array) -> Array:
        return rows
