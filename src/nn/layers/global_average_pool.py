"""Global average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class GlobalAvgPool(Layer):
    """The mean of each channel over all its places: (channels, ...) → (channels,).

    From Lin et al. 2014, "Network in network".
    """

    name: ClassVar[str] = "globalavgpool"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise ValueError("it needs channels of several places, (channels, ...)")
        return shape[:1]

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    @cached_property
    def shares(self) -> Array:
        """A row of 1/n for n places: the product with it is the mean."""
        places = int(np.prod(self.at.shape[1:]))
        return np.full((1, places), 1 / places, self.at.workspace.dtype)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        x = self.contiguous("input", x)
        out = self.buffer("out", (len(x), x.shape[1], x.shape[-1]))
        by_place = x.reshape(*x.shape[:2], -1, x.shape[-1])
        self.at.do(np.matmul, self.shares, by_place, out[:, :, np.newaxis])
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        grad = self.contiguous("gradient", grad)
        places = self.shares.shape[1]
        back = self.buffer("back", (*grad.shape[:2], places, grad.shape[-1]))
        self.at.do(np.multiply, grad[:, :, np.newaxis], self.shares[0, 0], back)
        return back.reshape(*grad.shape[:2], *self.at.shape[1:], grad.shape[-1])
