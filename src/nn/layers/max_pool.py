"""Maximum pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..speed.compile import Fused
from ..typing import Array
from .pooling import Pooling


class MaxPool(Pooling):
    """The largest number in each window.

    The gradient goes to the place of the largest number, the first of several. Places that padding
    adds are never the largest.
    """

    edge: ClassVar[float] = -math.inf

    @cached_property
    def take_largest(self) -> Fused:
        """Code for y ← max(x₁, x₂, ...)."""

        def code(out: Any, *others: Any) -> None:
            *seen, _ = others
            if len(seen) == 1:
                np.copyto(out, seen[0])
                return
            np.maximum(seen[0], seen[1], out=out)
            for one in seen[2:]:
                np.maximum(out, one, out=out)

        return Fused(code, "largest in windows", 0, self.at.workspace)

    @cached_property
    def give_back(self) -> Fused:
        """Code for δ₁ ← g·[x₁ = y] and g ← g - δ₁, then the same for δ₂, ..."""
        area = self.bound_windows.area

        def code(grad: Any, *others: Any) -> None:
            *arrays, _ = others
            back, out, seen = arrays[:area], arrays[area], arrays[area + 1 :]
            for one, place in zip(seen, back, strict=True):
                np.equal(one, out, out=place)
                place *= grad
                grad -= place

        return Fused(code, "gradients of windows", 0, self.at.workspace, changed=1 + area)

    @cached_property
    def give_back_one(self) -> Fused:
        """Code for d ← g·[x = y], δ ← δ + d and g ← g - d."""

        def code(grad: Any, back: Any, out: Any, one: Any, work: Any) -> None:
            np.equal(one, out, out=work[0])
            work[0] *= grad
            back += work[0]
            grad -= work[0]

        return Fused(code, "gradients of a place", 1, self.at.workspace, changed=2)

    def pool(self, out: Array, seen: Sequence[Array]) -> None:
        self.at.do(self.take_largest, out, *seen)

    def spread(self, grad: Array, out: Array, seen: Sequence[Array], back: Sequence[Array]) -> None:
        if not self.bound_windows.overlap:
            self.at.do(self.give_back, grad, *back, out, *seen)
            return
        for one, place in zip(seen, back, strict=True):
            self.at.do(self.give_back_one, grad, place, out, one)


@dataclass
class MaxPool1d(MaxPool):
    """Maximum pooling of samples (channels, length)."""

    name: ClassVar[str] = "maxpool1d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")


@dataclass
class MaxPool2d(MaxPool):
    """Maximum pooling of images (channels, height, width)."""

    name: ClassVar[str] = "maxpool2d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
