"""Batch normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..parameters import Parameter
from ..typing import Array, Shape
from .normalization import Normalization


@dataclass
class BatchNorm(Normalization):
    """Normalize each feature over the batch, then scale by γ and shift by β.

    For images and sequences, normalize each channel over the batch and all places.

    Ioffe & Szegedy 2015, Algorithms 1 and 2: the batch's biased variance in training; at
    prediction running averages of the mean and of the unbiased variance (biased for a batch
    of one).

    Parameters
    ----------
    momentum : float, default 0.9
        Decay of the running averages, in [0, 1).
    eps : float, default 1e-5
        Constant added to the variance.
    """

    name: ClassVar[str] = "batchnorm"
    per_run: ClassVar[tuple[str, ...]] = ("momentum", "eps")
    momentum: Decay = 0.9
    eps: Positive = 1e-5

    def statistics(self, shape: Shape) -> list[Parameter]:
        return [Parameter(f"running_{what}", shape[:1]) for what in ("mean", "variance")]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        super().initialize(rng, values)
        values["running_variance"].fill(1)

    def normalize(self, x: Array, normal: Array, work: Array, training: bool) -> Array:
        running_mean, running_variance = (
            self.by_channel(self.at.statistics[k]) for k in ("running_mean", "running_variance")
        )
        mean = self.mean(x) if training else running_mean
        np.subtract(x, mean, out=normal)
        variance = running_variance
        if training:
            variance = self.mean(np.multiply(normal, normal, out=work))
            batch, momentum = x.shape[self.axis], self.numbers("momentum")
            if self.at.averaging.batches is not None:
                momentum = np.full_like(momentum, 1 - 1 / self.at.averaging.batches)
            running_mean *= momentum
            running_mean += (1 - momentum) * mean
            running_variance *= momentum
            running_variance += (1 - momentum) * (variance * (batch / max(batch - 1, 1)))
        scale = 1 / np.sqrt(variance + self.numbers("eps"))
        normal *= scale
        return scale

    @property
    def axis(self) -> int:
        """The axis that is averaged over."""
        return 1 if self.takes_vectors else 2

    def mean(self, values: Array) -> Array:
        batch = values.shape[self.axis]
        shares = np.full((1, batch), 1 / batch, values.dtype)
        if self.takes_vectors:
            mean: Array = np.matmul(shares, values)
        else:
            mean = np.matmul(values, shares.transpose())
        return mean
