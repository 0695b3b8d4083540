"""The convolution along two axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .convolution import Convolution


@dataclass
class Conv2d(Convolution):
    """Convolution of (channels, height, width); see :class:`nn.layers.convolution.Convolution`."""

    name: ClassVar[str] = "conv2d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "height", "width")
