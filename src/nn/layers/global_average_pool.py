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

    For a sequence that ends early it is the mean over the steps before its end.

    From Lin et al. 2014, "Network in network".
    """

    name: ClassVar[str] = "globalavgpool"
    stepwise: ClassVar[bool] = True
    looks_ahead: ClassVar[bool] = True

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
        within = self.at.mask(x.shape[-1])
        if within is not None:
            return self._mean_before_ends(x, within)
        out = self.buffer("out", (len(x), x.shape[1], x.shape[-1]))
        by_place = x.reshape(*x.shape[:2], -1, x.shape[-1])
        self.at.do(np.matmul, self.shares, by_place, out[:, :, np.newaxis])
        return out

    def _mean_before_ends(self, x: Array, within: Array) -> Array:
        """Return the mean of (runs, channels, length, batch) over the steps before the ends."""
        do = self.at.do
        counts = self.buffer("counts", (len(within), 1, within.shape[-1]))
        weights = self.buffer("weights", within.shape)
        self.weights = weights[:, np.newaxis]
        weighted = self.buffer("weighted", (len(within), *x.shape[1:]))
        out = self.buffer("out", (len(within), x.shape[1], x.shape[-1]))
        do(np.sum, within, 1, None, counts, True)
        do(np.divide, within, counts, weights)
        do(np.multiply, x, self.weights, weighted)
        do(np.sum, weighted, 2, None, out)
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        grad = self.contiguous("gradient", grad)
        if self.at.padded:
            ended = self.buffer("back", (*grad.shape[:2], *self.at.shape[1:], grad.shape[-1]))
            self.at.do(np.multiply, grad[:, :, np.newaxis], self.weights, ended)
            return ended
        places = self.shares.shape[1]
        back = self.buffer("back", (*grad.shape[:2], places, grad.shape[-1]))
        self.at.do(np.multiply, grad[:, :, np.newaxis], self.shares[0, 0], back)
        return back.reshape(*grad.shape[:2], *self.at.shape[1:], grad.shape[-1])
