"""A hidden layer whose inputs are passed on to the next layer beside its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nn.layers import Dense
from nn.typing import Array, Shape


@dataclass
class SigmoidBesideInputs(Dense):
    """[x, σ(x·W + b)]: sigmoid units, and direct connections from the inputs to the next layer.

    Parameters
    ----------
    units, initializer, bias_initializer
        See `Dense`.
    """

    name: ClassVar[str] = "sigmoid_beside_inputs"
    takes_sparse: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0] + self.units,)

    def forward(self, x: Any, training: bool) -> Array:
        z = super().forward(x, training)
        self.hidden = 1 / (1 + np.exp(-z))
        shared = np.broadcast_to(x, (len(z), *x.shape[1:]))
        return np.concatenate([shared, self.hidden], axis=2)

    def backward(self, grad: Array, input_gradient: bool) -> Array:
        inputs = self.x.shape[2]
        direct, through = grad[:, :, :inputs], grad[:, :, inputs:]
        below = super().backward(through * self.hidden * (1 - self.hidden), input_gradient)
        return direct + below if input_gradient else grad
