"""Dropout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from ..component import Probability
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class Dropout(Layer):
    """In training, drop each input with probability `rate` and scale the rest by 1/(1 - rate).

    "Inverted" dropout (Srivastava et al. 2014): the identity at prediction.

    Parameters
    ----------
    rate : float, default 0.5
        Dropout rate, in [0, 1). It may differ between runs, but must be 0 in all or in none.
    """

    name: ClassVar[str] = "dropout"
    per_run: ClassVar[tuple[str, ...]] = ("rate",)
    random: ClassVar[bool] = True
    only_in_training: ClassVar[bool] = True
    rate: Probability = 0.5

    def structure(self) -> tuple[Any, ...]:
        return (*super().structure(), self.rate > 0)

    def batch_last(self, shape: Shape) -> bool | None:
        return None

    def mask_shape(self, shape: Shape) -> Shape:
        """Return the shape of one run's mask of an input of this shape, without the run axis."""
        return shape

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.active = training and self.rate > 0
        if not self.active:
            return x
        runs, drawn = len(self.at.peers), self.mask_shape(x.shape[1:])
        # Drawn in float32 in any precision, so that precision does not change the masks.
        memory = self.buffer("draws", drawn).reshape(-1).view(np.float32)
        draws = memory[: math.prod(drawn)].reshape(drawn)
        self.mask = self.buffer("mask", (runs, *drawn))
        out = self.buffer("out", (runs, *x.shape[1:]))
        self.at.do(self._draw, self.mask, draws)
        self.at.do(np.multiply, x, self.mask, out)
        return out

    def _draw(self, masks: Array, draws: Array) -> None:
        for mask, rng, peer in zip(masks, self.at.generators, self.at.peers, strict=True):
            rate = cast(Dropout, peer).rate
            rng.random(dtype=np.float32, out=draws)
            np.greater_equal(draws, np.float32(rate), out=mask)
            mask *= 1 / (1 - rate)  # in double precision: a rate next to 1 rounds to 1

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if self.active:
            self.at.do(np.multiply, grad, self.mask, grad)
        return grad
