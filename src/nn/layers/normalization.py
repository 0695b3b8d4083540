"""The base class of normalizations, which differ in the axis that they average over."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer, with_batch_axis


@dataclass
class Normalization(Layer):
    """Base of the normalizations: subtract a mean, divide by a deviation, scale by γ, shift by β.

    Attributes
    ----------
    normal : ndarray of shape (runs, batch, features)
        The last input, normalized.
    scale : ndarray of shape (runs, 1, features) or (runs, batch, 1)
        The reciprocal deviations that the centred input was multiplied by.
    """

    axes: ClassVar[tuple[str, ...]] = ("features",)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter("gain", shape), Parameter("shift", shape)]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["gain"].fill(1)

    @abstractmethod
    def normalize(self, x: Array, normal: Array, work: Array, training: bool) -> Array:
        """Write the normalized input into `normal`, and return the :attr:`scale`.

        Parameters
        ----------
        x, normal, work : ndarray of shape (runs, batch, features)
            Input, output and scratch space.
        training : bool
            Whether to use the batch's statistics where prediction has others.

        Returns
        -------
        ndarray of shape (runs, 1, features) or (runs, batch, 1)
        """

    @abstractmethod
    def mean(self, values: Array) -> Array:
        """Average `values`, (runs, batch, features), over the axis that is normalized over."""

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        shape = (len(self.at.peers), *x.shape[1:])
        self.normal, out = self.buffer("normal", shape), self.buffer("out", shape)
        self.at.do(self._forward, x, self.normal, out, training)
        return out

    def _forward(self, x: Array, normal: Array, out: Array, training: bool) -> None:
        gain, shift = (with_batch_axis(self.at.parameters[k]) for k in ("gain", "shift"))
        self.scale = self.normalize(x, normal, out, training)
        np.multiply(normal, gain, out=out)
        out += shift

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        self.at.do(self._backward, grad, self.normal, input_gradient)
        return grad

    def _backward(self, grad: Array, normal: Array, input_gradient: bool) -> None:
        """Fill the gradients of gain and shift, and turn `grad` into that of the input, in place.

        Gain and shift get the sums over the batch of grad·normal and of grad; the input gets
        scale · (δ - mean(δ) - normal · mean(δ·normal)), with δ = grad·gain.
        """
        ones = self.at.workspace.ones(grad.shape[1])
        product = np.multiply(grad, normal, out=self.buffer("work", grad.shape))
        np.matmul(ones, product, out=with_batch_axis(self.at.gradients["gain"]))
        np.matmul(ones, grad, out=with_batch_axis(self.at.gradients["shift"]))
        if not input_gradient:
            return
        grad *= with_batch_axis(self.at.parameters["gain"])
        np.multiply(grad, normal, out=product)
        correlation = self.mean(product)
        grad -= self.mean(grad)
        grad -= np.multiply(normal, correlation, out=product)
        grad *= self.scale
