"""Layer normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..component import Positive
from .group_norm import SampleNormalization


@dataclass
class LayerNorm(SampleNormalization):
    """Normalize each sample over its features, then scale by γ and shift by β (Ba et al. 2016).

    In images and sequences, the mean and the deviation are taken over all places of all channels,
    and there is a γ and a β for each channel.

    Parameters
    ----------
    eps : float, default 1e-5
        Constant added to the variance.
    """

    name: ClassVar[str] = "layernorm"
    per_run: ClassVar[tuple[str, ...]] = ("eps",)
    looks_ahead: ClassVar[bool] = True
    groups = 1
    eps: Positive = 1e-5
