"""Random reflections of images and sequences in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Probability
from ..typing import Array
from .augmentation import Augmentation


@dataclass
class RandomFlip(Augmentation):
    """In training, reverse the last axis of some samples: left and right of an image.

    The identity at prediction.

    Parameters
    ----------
    rate : float, default 0.5
        The probability of a reflection, in [0, 1).
    """

    name: ClassVar[str] = "randomflip"
    rate: Probability = 0.5

    def augment(self, x: Array) -> Array:
        out = self.buffer("out", (len(self.at.peers), *x.shape[1:]))
        self.at.do(np.copyto, out, x)
        self.at.do(self._draw, out.shape[1])
        self.at.do(self._flip, out)
        return out

    def augment_back(self, grad: Array) -> None:
        self.at.do(self._flip, grad)

    def _draw(self, batch: int) -> None:
        self._drawn = [np.flatnonzero(rng.random(batch) < self.rate) for rng in self.at.generators]

    def _flip(self, samples: Array) -> None:
        for own, drawn in zip(samples, self._drawn, strict=True):
            own[drawn] = own[drawn][..., ::-1]
