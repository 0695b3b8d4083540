"""Flattening of samples to vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class Flatten(Layer):
    """Put the numbers of a sample in a row: (channels, height, width) → (features,)."""

    name: ClassVar[str] = "flatten"
    looks_ahead: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def batch_last(self, shape: Shape) -> bool | None:
        return None

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        return self.reshaped("input", x, self.output_shape(self.at.shape))

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        return self.reshaped("gradient", grad, self.at.shape)

    def reshaped(self, key: str, array: Array, new: Shape) -> Array:
        """Return a view of the samples in another shape, in the same arrangement."""
        array = self.contiguous(key, array)
        if self.at.batch_last:
            return array.reshape(len(array), *new, array.shape[-1])
        return array.reshape(*array.shape[:2], *new)
