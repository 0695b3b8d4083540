"""Positional encoding: a vector for each place of a sequence, added to its steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from ..component import Positive
from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class Positions(Layer):
    """Adds to each step a vector for its place, since self-attention ignores the order of steps.

    Parameters
    ----------
    kind : {"sinusoidal", "learnt"}, default "sinusoidal"
        Whether the vectors are sines and cosines of geometrically growing wavelengths (Vaswani et
        al. 2017, section 3.5), or trained; then all sequences have the length of training.
    std : float, default 0.01
        Standard deviation of the initial numbers of vectors that are trained.
    """

    name: ClassVar[str] = "positions"
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
    per_run: ClassVar[tuple[str, ...]] = ("std",)
    kind: Literal["sinusoidal", "learnt"] = "sinusoidal"
    std: Positive = 0.01

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter("vectors", shape)] if self.kind == "learnt" else []

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        if self.kind == "learnt":
            values["vectors"][...] = rng.normal(0, self.std, values["vectors"].shape)

    @cached_property
    def vectors(self) -> Array:
        """The vectors, (runs or 1, channels, length, 1)."""
        if self.kind == "learnt":
            return self.at.parameters["vectors"][..., np.newaxis]
        waves = sinusoids(*self.at.shape).astype(self.at.workspace.dtype)
        return waves[np.newaxis, ..., np.newaxis]

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        out = self.buffer("out", (len(self.at.peers), *x.shape[1:]))
        self.at.do(np.add, x, self.vectors, out)
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if self.kind == "learnt":
            ones = self.at.workspace.ones(grad.shape[-1]).transpose()
            self.at.do(np.matmul, grad, ones, self.at.gradients["vectors"][..., np.newaxis])
        return grad


def sinusoids(channels: int, length: int) -> Array:
    """Return sin(t / 10000^(c / channels)) in even channels c, and cosines in the odd ones behind.

    Returns
    -------
    ndarray of shape (channels, length), float64
    """
    channel = np.arange(channels)[:, np.newaxis]
    angles = np.arange(length) / 10_000 ** ((channel - channel % 2) / channels)
    waves: Array = np.where(channel % 2 == 0, np.sin(angles), np.cos(angles))
    return waves
