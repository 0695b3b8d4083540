"""The dense, or fully connected, layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .. import initializers
from ..component import Count
from ..initializers import Initializer
from ..parameters import Parameter
from ..sparse_rows import SparseRows
from ..speed.buffers import is_transposed
from ..speed.compile import Fused
from ..speed.replay import replayable
from ..speed.sparse import multiply, multiply_transposed
from ..typing import Array, Shape
from .layer import Layer, with_batch_axis


@dataclass
class Dense(Layer):
    """Affine map z = x·W + b.

    The first layer takes sparse rows, too: then only the stored entries are multiplied, and the
    gradient of W is 0 in the rows of all other columns.

    Parameters
    ----------
    units : int
        Number of outputs.
    initializer : Initializer, default ScaledGaussian()
        Initializer of the weights, (fan_in, units).
    bias_initializer : Initializer, default Zeros()
        Initializer of the bias, (units,).
    """

    name: ClassVar[str] = "dense"
    per_run: ClassVar[tuple[str, ...]] = ("initializer", "bias_initializer")
    axes: ClassVar[tuple[str, ...]] = ("features",)
    takes_sparse: ClassVar[bool] = True
    units: Count
    initializer: Initializer = initializers.ScaledGaussian()
    bias_initializer: Initializer = initializers.Zeros()

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [
            Parameter("weights", (*shape, self.units), decays=True),
            Parameter("bias", (self.units,)),
        ]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["weights"][...] = self.initializer(rng, values["weights"].shape)
        fan_in, units = values["weights"].shape
        values["bias"][...] = self.bias_initializer.biases(rng, fan_in, units)

    @cached_property
    def bias(self) -> Array:
        """The bias, (runs, 1, units)."""
        return with_batch_axis(self.at.parameters["bias"])

    @cached_property
    def bias_gradient(self) -> Array:
        """The gradient of the bias, (runs, 1, units)."""
        return with_batch_axis(self.at.gradients["bias"])

    @cached_property
    def add_bias(self) -> Fused:
        """Code for z ← z + b."""
        return Fused(lambda z, bias, _: np.add(z, bias, out=z), "bias", 0, self.at.workspace)

    @replayable
    def forward(self, x: Array | SparseRows, training: bool) -> Array:
        self.x = x
        weights = self.at.parameters["weights"]
        z = self.buffer("z", (len(weights), x.shape[1], self.units))
        self.at.do(multiply if isinstance(x, SparseRows) else np.matmul, x, weights, z)
        self.at.do(self.add_bias, z, self.bias)
        return z

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do, weights = self.at.do, self.at.parameters["weights"]
        # A sum over the batch as a product, which is twice as fast; and while it is in the cache.
        do(np.matmul, self.at.workspace.ones(grad.shape[1]), grad, self.bias_gradient)
        if isinstance(self.x, SparseRows):
            grad = self.contiguous("grad", grad)
            do(multiply_transposed, self.x, grad, self.at.gradients["weights"])
            return grad  # sparse rows are data: nothing before them is trained
        do(np.matmul, self.x.transpose(0, 2, 1), grad, self.at.gradients["weights"])
        if not input_gradient:
            return grad
        shape = *grad.shape[:2], weights.shape[1]
        if is_transposed(self.x):  # the samples are columns, and so are their gradients
            back = self.at.workspace.transposed((self.at.name, "back"), shape)
            do(np.matmul, weights, grad.transpose(0, 2, 1), back.transpose(0, 2, 1))
        else:
            back = self.buffer("back", shape)
            do(np.matmul, grad, weights.transpose(0, 2, 1), back)
        return back
