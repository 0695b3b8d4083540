"""Dropout of whole channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..typing import Shape
from .dropout import Dropout


@dataclass
class ChannelDropout(Dropout):
    """Dropout that drops a channel of a sample at all its places, or at none (Tompson et al. 2015).

    Parameters
    ----------
    rate : float, default 0.5
        Dropout rate, in [0, 1). It may differ between runs, but must be 0 in all or in none.
    """

    name: ClassVar[str] = "channeldropout"

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def mask_shape(self, shape: Shape) -> Shape:
        channels, *places, batch = shape
        return (channels, *(1 for _ in places), batch)
