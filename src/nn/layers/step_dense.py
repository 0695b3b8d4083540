"""The dense layer of each step of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import initializers
from ..component import Count
from ..initializers import Initializer
from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class StepDense(Layer):
    """The same affine map z = x·W + b at each step: (channels, length) becomes (units, length).

    Parameters
    ----------
    units : int
        Number of outputs of a step.
    tied : bool, default False
        Whether W is the transpose of the weights of the network's :class:`Embedding`, which are
        then trained through both (Press & Wolf 2017); the layer has no separate weights.
    initializer : Initializer, default ScaledGaussian()
        Initializer of the weights, (channels, units).
    bias_initializer : Initializer, default Zeros()
        Initializer of the bias, (units,).
    """

    name: ClassVar[str] = "step_dense"
    per_run: ClassVar[tuple[str, ...]] = ("initializer", "bias_initializer")
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
    units: Count
    tied: bool = False
    initializer: Initializer = initializers.ScaledGaussian()
    bias_initializer: Initializer = initializers.Zeros()

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units, *shape[1:])

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        own = [] if self.tied else [Parameter("weights", (shape[0], self.units), decays=True)]
        return [*own, Parameter("bias", (self.units,))]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        channels, units = self._matrix(values).shape
        if not self.tied:
            values["weights"][...] = self.initializer(rng, (channels, units))
        values["bias"][...] = self.bias_initializer.biases(rng, channels, units)

    def _matrix(self, arrays: dict[str, Array]) -> Array:
        """View the weights, or their gradients, as (..., channels, units)."""
        return arrays["tied"].swapaxes(-1, -2) if self.tied else arrays["weights"]

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        do, bias = self.at.do, self.at.parameters["bias"][..., np.newaxis]
        x = self.contiguous("input", x)
        self.x = x.reshape(*x.shape[:2], -1)
        out = self.buffer("out", (len(bias), self.units, *x.shape[2:]))
        flat = out.reshape(*out.shape[:2], -1)
        do(np.matmul, self._matrix(self.at.parameters).swapaxes(1, 2), self.x, flat)
        do(np.add, flat, bias, flat)
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do, gradients = self.at.do, self.at.gradients
        flat = self.contiguous("gradient", grad).reshape(*grad.shape[:2], -1)
        ones = self.at.workspace.ones(flat.shape[-1]).transpose()
        do(np.matmul, flat, ones, gradients["bias"][..., np.newaxis])
        if self.tied:
            do(np.matmul, flat, self.x.swapaxes(1, 2), self.at.gradients["tied"])
        else:
            do(np.matmul, self.x, flat.swapaxes(1, 2), self.at.gradients["weights"])
        if not input_gradient:
            return grad
        back = self.buffer("back", (len(flat), *self.at.shape, grad.shape[-1]))
        matrix = self._matrix(self.at.parameters)
        do(np.matmul, matrix, flat, back.reshape(*back.shape[:2], -1))
        return back
