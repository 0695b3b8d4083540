"""The convolution along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .convolution import Convolution


@dataclass
class Conv1d(Convolution):
    """Convolution of samples (channels, length); see :class:`nn.layers.convolution.Convolution`."""

    name: ClassVar[str] = "conv1d"
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
