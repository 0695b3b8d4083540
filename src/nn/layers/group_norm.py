"""Group normalization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Count, Positive
from ..typing import Array, Shape
from .normalization import Normalization


class SampleNormalization(Normalization):
    """Base of the normalizations of a sample over groups of its features or channels.

    Attributes
    ----------
    groups : int
        Number of groups.
    eps : float
        Constant added to the variance.
    """

    groups: int
    eps: float

    def normalize(self, x: Array, normal: Array, work: Array, training: bool) -> Array:
        x, normal, work = map(self.averaged, (x, normal, work))
        np.subtract(x, self.mean(x), out=normal)
        variance = self.mean(np.multiply(normal, normal, out=work))
        eps = self.numbers("eps")
        scale: Array = 1 / np.sqrt(variance + (eps if self.takes_vectors else eps[..., np.newaxis]))
        normal *= scale
        return scale

    def averaged(self, values: Array) -> Array:
        """View as (runs, batch · groups, features), or (runs, groups, channels · places, batch)."""
        if self.takes_vectors:
            return values.reshape(len(values), -1, self.at.shape[0] // self.groups)
        count = math.prod(self.at.shape) // self.groups
        return values.reshape(len(values), self.groups, count, -1)

    def mean(self, values: Array) -> Array:
        count = values.shape[2]
        shares = np.full((count, 1), 1 / count, values.dtype)
        if self.takes_vectors:
            mean: Array = np.matmul(values, shares)
        else:
            mean = np.matmul(shares.transpose(), values)
        return mean


@dataclass
class GroupNorm(SampleNormalization):
    """Normalize each sample over groups of its channels, then scale by γ and shift by β.

    The mean and the deviation are those of all places of a group's channels, or of its features
    (Wu & He 2018).

    Parameters
    ----------
    groups : int
        Number of groups, which divides that of the channels.
    eps : float, default 1e-5
        Constant added to the variance.
    """

    name: ClassVar[str] = "groupnorm"
    per_run: ClassVar[tuple[str, ...]] = ("eps",)
    looks_ahead: ClassVar[bool] = True
    groups: Count
    eps: Positive = 1e-5

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % self.groups:
            raise ValueError(f"{self.groups} groups cannot share {shape[0]} channels equally")
        return shape
