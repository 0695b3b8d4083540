"""Average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..speed.compile import Fused
from ..typing import Array
from .pooling import Pooling


class AvgPool(Pooling):
    """The mean of each window; added places are zeros and count."""

    @cached_property
    def average(self) -> Fused:
        """Code for y ← (x₁ + x₂ + ...) / n."""

        def code(out: Any, *others: Any) -> None:
            *seen, _ = others
            np.copyto(out, seen[0])
            for one in seen[1:]:
                out += one
            out *= 1 / len(seen)

        return Fused(code, "mean of windows", 0, self.at.workspace)

    def pool(self, out: Array, seen: Sequence[Array]) -> None:
        self.at.do(self.average, out, *seen)

    def spread(self, grad: Array, out: Array, seen: Sequence[Array], back: Sequence[Array]) -> None:
        do, windows = self.at.do, self.bound_windows
        do(np.multiply, grad, 1 / windows.area, grad)
        for place in back:
            if windows.overlap:
                do(np.add, place, grad, place)
            else:
                do(np.copyto, place, grad)


@dataclass
class AvgPool1d(AvgPool):
    """Average pooling of samples (channels, length)."""

    name: ClassVar[str] = "avgpool1d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")


@dataclass
class AvgPool2d(AvgPool):
    """Average pooling of images (channels, height, width)."""

    name: ClassVar[str] = "avgpool2d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
