"""The base class of normalizations, which differ in the axes that they average over."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer, with_batch_axis


@dataclass
class Normalization(Layer):
    """Base of the normalizations: subtract a mean, divide by a deviation, scale by γ, shift by β.

    There is a γ and a β for each feature of a vector, or for each channel of other samples. Vectors
    are (runs, batch, features). Other samples have the batch axis last, and all places of a channel
    are one axis here: (runs, channels, places · batch).

    Attributes
    ----------
    normal : ndarray of shape (runs, batch, features) or (runs, channels, places · batch)
        The last input, normalized.
    scale : ndarray
        The reciprocal deviations that the centred input was multiplied by; it broadcasts with what
        :meth:`averaged` returns.
    """

    def batch_last(self, shape: Shape) -> bool | None:
        return len(shape) > 1

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter(name, shape[:1], normalizes=True) for name in ("gain", "shift")]

    def scratch(self, shape: Shape) -> int:
        return math.prod(shape) if len(shape) > 1 else 0

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["gain"].fill(1)

    @property
    def takes_vectors(self) -> bool:
        """Whether samples are vectors."""
        return len(self.at.shape) == 1

    def by_channel(self, view: Array) -> Array:
        """Insert an axis into (runs, channels), so that it broadcasts with the input."""
        return with_batch_axis(view) if self.takes_vectors else view[:, :, np.newaxis]

    def channel_sums(self, values: Array, out: Array) -> None:
        """Sum over everything but runs and channels."""
        if self.takes_vectors:
            np.matmul(self.at.workspace.ones(values.shape[1]), values, out=out)
        else:
            np.matmul(values, self.at.workspace.ones(values.shape[2]).transpose(), out=out)

    @abstractmethod
    def normalize(self, x: Array, normal: Array, work: Array, training: bool) -> Array:
        """Write the normalized input into `normal`, and return the :attr:`scale`.

        Parameters
        ----------
        x, normal, work : ndarray of shape (runs, batch, features) or (runs, channels, n)
            Input, output and scratch space.
        training : bool
            Whether to use the batch's statistics where prediction has others.

        Returns
        -------
        ndarray
        """

    def averaged(self, values: Array) -> Array:
        """View the input, or an array like it, in the axes that :meth:`mean` needs."""
        return values

    @abstractmethod
    def mean(self, values: Array) -> Array:
        """Average what :meth:`averaged` returns over the axis that is normalized over."""

    def _viewed(self, key: str, array: Array) -> Array:
        """View all places of a channel as one axis."""
        if self.takes_vectors:
            return array
        array = self.contiguous(key, array)
        return array.reshape(*array.shape[:2], -1)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        shape = (len(self.at.peers), *x.shape[1:])
        out = self.buffer("out", shape)
        x, flat = self._viewed("input", x), self._viewed("output", out)
        self.normal = self.buffer("normal", flat.shape)
        self.at.do(self._forward, x, self.normal, flat, training)
        return out

    def _forward(self, x: Array, normal: Array, out: Array, training: bool) -> None:
        gain, shift = (self.by_channel(self.at.parameters[k]) for k in ("gain", "shift"))
        self.scale = self.normalize(x, normal, out, training)
        np.multiply(normal, gain, out=out)
        out += shift

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        grad = self.contiguous("gradient", grad)
        self.at.do(self._backward, self._viewed("gradient", grad), self.normal, input_gradient)
        return grad

    def _backward(self, grad: Array, normal: Array, input_gradient: bool) -> None:
        """Fill the gradients of gain and shift, and turn `grad` into that of the input, in place.

        Gain and shift get the sums over the batch of grad·normal and of grad; the input gets
        scale · (δ - mean(δ) - normal · mean(δ·normal)), with δ = grad·gain.
        """
        product = np.multiply(grad, normal, out=self.buffer("work", grad.shape))
        self.channel_sums(product, self.by_channel(self.at.gradients["gain"]))
        self.channel_sums(grad, self.by_channel(self.at.gradients["shift"]))
        if not input_gradient:
            return
        grad *= self.by_channel(self.at.parameters["gain"])
        grad, normal, product = map(self.averaged, (grad, normal, product))
        np.multiply(grad, normal, out=product)
        correlation = self.mean(product)
        grad -= self.mean(grad)
        grad -= np.multiply(normal, correlation, out=product)
        grad *= self.scale
