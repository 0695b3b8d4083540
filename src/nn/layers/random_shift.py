"""Random shifts of images and sequences in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..component import Count, Finite
from ..typing import Array
from .augmentation import Augmentation


@dataclass
class RandomShift(Augmentation):
    """In training, shift each sample by up to `places` along each axis; the identity at prediction.

    Each shift is equally likely. Places that become free are filled with `value`.

    Parameters
    ----------
    places : int, default 1
        The largest shift, in either direction.
    value : float, default 0
        The value beyond the edges, in the units of the layer's input.
    """

    name: ClassVar[str] = "randomshift"
    places: Count = 1
    value: Finite = 0.0

    def augment(self, x: Array) -> Array:
        runs, (_, batch, channels, *extents) = len(self.at.peers), x.shape
        axes = tuple(range(3, 3 + len(extents)))
        padded = self.buffer(
            "padded", (runs, batch, channels, *(n + 2 * self.places for n in extents))
        )
        inside: tuple[Any, ...] = tuple(slice(self.places, self.places + n) for n in extents)
        inner = padded[(..., *inside)]
        # All shifts of each sample: (runs, batch, channels, *shifts, *extents).
        shifts = sliding_window_view(padded, extents, axes, writeable=True)
        self.buffers = padded, inner, shifts
        out = self.buffer("out", (runs, *x.shape[1:]))
        self.at.do(padded.fill, self.value)
        self.at.do(np.copyto, inner, x)
        self.at.do(self._shift, out, shifts)
        return out

    def augment_back(self, grad: Array) -> None:
        padded, inner, shifts = self.buffers
        self.at.do(padded.fill, 0)
        self.at.do(self._shift_back, grad, shifts)
        self.at.do(np.copyto, grad, inner)

    def _shift(self, out: Array, shifts: Array) -> None:
        """Draw a shift for each sample, and copy what it shows."""
        size = (out.shape[1], out.ndim - 3)
        self._drawn = [rng.integers(2 * self.places + 1, size=size) for rng in self.at.generators]
        for shown, own, drawn in zip(out, shifts, self._drawn, strict=True):
            shown[...] = own[(np.arange(len(drawn)), slice(None), *drawn.T)]

    def _shift_back(self, grad: Array, shifts: Array) -> None:
        for given, own, drawn in zip(grad, shifts, self._drawn, strict=True):
            own[(np.arange(len(drawn)), slice(None), *drawn.T)] = given
