"""Layer normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Positive
from ..typing import Array
from .normalization import Normalization


@dataclass
class LayerNorm(Normalization):
    """Normalize each sample over its features, then scale by γ and shift by β (Ba et al. 2016).

    Parameters
    ----------
    eps : float, default 1e-5
        Constant added to the variance.
    """

    name: ClassVar[str] = "layernorm"
    per_run: ClassVar[tuple[str, ...]] = ("eps",)
    eps: Positive = 1e-5

    def normalize(self, x: Array, normal: Array, work: Array, training: bool) -> Array:
        np.subtract(x, self.mean(x), out=normal)
        variance = self.mean(np.multiply(normal, normal, out=work))
        scale = 1 / np.sqrt(variance + self.numbers("eps"))
        normal *= scale
        return scale

    def mean(self, values: Array) -> Array:
        features = values.shape[2]
        mean: Array = np.matmul(values, np.full((features, 1), 1 / features, values.dtype))
        return mean
