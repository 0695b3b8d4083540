"""Random reflections of images and sequences in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Probability
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class RandomFlip(Layer):
    """In training, reverse the last axis of some samples: left and right of an image.

    The identity at prediction.

    Parameters
    ----------
    rate : float, default 0.5
        The probability of a reflection, in [0, 1).
    """

    name: ClassVar[str] = "randomflip"
    random: ClassVar[bool] = True
    only_in_training: ClassVar[bool] = True
    rate: Probability = 0.5

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) == 1:
            raise ValueError("vectors have no sides; put it before nn.layers.Flatten")
        return shape

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.active = training
        if not training:
            return x
        out = self.buffer("out", (len(self.at.peers), *x.shape[1:]))
        self.at.do(np.copyto, out, x)
        self.at.do(self._draw, out.shape[1])
        self.at.do(self._flip, out)
        return out

    def _draw(self, batch: int) -> None:
        self._drawn = [np.flatnonzero(rng.random(batch) < self.rate) for rng in self.at.generators]

    def _flip(self, samples: Array) -> None:
        for own, drawn in zip(samples, self._drawn, strict=True):
            own[drawn] = own[drawn][..., ::-1]

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if self.active and input_gradient:
            self.at.do(self._flip, grad)
        return grad
