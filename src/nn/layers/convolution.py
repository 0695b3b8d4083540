"""The base class of convolutions, along any number of axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .. import initializers
from ..component import Count, Finite
from ..initializers import Initializer
from ..parameters import Parameter
from ..speed.compile import Fused
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer
from .windows import Lengths, Padding, Windows, places


@dataclass
class Convolution(Layer):
    """Cross-correlation with kernels: each output channel sums kernel · window over its inputs.

    The windows are copied next to each other as columns, and one matrix product for each run and
    group does the rest. With the batch axis last, columns are copied in long contiguous pieces
    however few channels there are.

    Parameters
    ----------
    channels : int
        Number of output channels.
    kernel : int or list of int
        Number of places that a kernel sees along each axis.
    stride : int or list of int, default 1
        Distance between neighbouring windows.
    padding : {"valid", "same"}, int or list of int, default "valid"
        Places added at both ends of each axis: none, as many as ⌈size / stride⌉ windows need, or a
        number.
    padding_value : float, default 0.0
        The value of added places.
    dilation : int or list of int, default 1
        Distance between neighbouring places that a kernel sees.
    groups : int, default 1
        Number of groups of input channels, each of which has its share of the output channels. As
        many groups as input channels make a depthwise convolution.
    bias : bool, default True
        Whether each output channel has a bias.
    initializer : Initializer, default ScaledGaussian()
        Initializer of the kernels, (channels, input channels / groups, *kernel).
    bias_initializer : Initializer, default Zeros()
        Initializer of the biases, (channels,).
    """

    per_run: ClassVar[tuple[str, ...]] = ("initializer", "bias_initializer")
    axes: ClassVar[tuple[str, ...]]
    channels: Count
    kernel: Lengths
    stride: Lengths = 1
    padding: Padding = "valid"
    padding_value: Finite = 0.0
    dilation: Lengths = 1
    groups: Count = 1
    bias: bool = True
    initializer: Initializer = initializers.ScaledGaussian()
    bias_initializer: Initializer = initializers.Zeros()

    def windows(self, shape: Shape) -> Windows:
        """Return the windows over samples of this shape."""
        return Windows.of(shape[1:], self.kernel, self.stride, self.padding, self.dilation)

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % self.groups or self.channels % self.groups:
            raise ValueError(
                f"{self.groups} groups cannot share {shape[0]} input and {self.channels} output "
                "channels equally"
            )
        return (self.channels, *self.windows(shape).count)

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        kernel = self.windows(shape).kernel
        weights = Parameter(
            "weights", (self.channels, shape[0] // self.groups, *kernel), decays=True
        )
        return [weights, Parameter("bias", (self.channels,))] if self.bias else [weights]

    def scratch(self, shape: Shape) -> int:
        windows = self.windows(shape)
        return shape[0] * (windows.area * math.prod(windows.count) + math.prod(windows.padded))

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        kernels = values["weights"]
        kernels[...] = self.initializer.kernels(rng, kernels.shape, self.groups)
        if self.bias:
            fan_in = math.prod(kernels.shape[1:])
            values["bias"][...] = self.bias_initializer.biases(rng, fan_in, self.channels)

    @cached_property
    def bound_windows(self) -> Windows:
        """The windows over the layer's samples."""
        return self.windows(self.at.shape)

    @cached_property
    def matrices(self) -> Array:
        """The kernels as matrices, (runs, groups, channels / groups, places)."""
        return self._matrices(self.at.parameters["weights"])

    @cached_property
    def gradient_matrices(self) -> Array:
        """The gradients of :attr:`matrices`."""
        return self._matrices(self.at.gradients["weights"])

    def _matrices(self, kernels: Array) -> Array:
        return kernels.reshape(len(kernels), self.groups, self.channels // self.groups, -1)

    @cached_property
    def add_bias(self) -> Fused:
        """Code for z ← z + b."""
        return Fused(
            lambda z, bias, _: np.add(z, bias, out=z), "channel bias", 0, self.at.workspace
        )

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        do, windows, runs, batch = self.at.do, self.bound_windows, len(self.matrices), x.shape[-1]
        self.x = self.contiguous("input", x)
        self.columns = self._columns(self.x)
        z = self.buffer("z", (runs, self.channels, *windows.count, batch))
        do(np.matmul, self.matrices, self._grouped(self.columns), self._grouped(z, self.channels))
        if self.bias:
            bias = self.at.parameters["bias"][..., np.newaxis]
            do(self.add_bias, z.reshape(runs, self.channels, -1), bias)
        return z

    def _columns(self, x: Array) -> Array:
        """Copy what each window sees: (runs, channels, *kernel, *count, batch)."""
        windows = self.bound_windows
        if self._sees_single_places:
            return x
        if windows.pads:
            padded = self.buffer("padded", (*x.shape[:2], *windows.padded, x.shape[-1]))
            padded.fill(self.padding_value)  # once: replayed steps leave the edges as they are
            self.at.do(np.copyto, places(padded, *windows.interior), x)
            x = padded
        view = windows.columns(x)
        columns = self.buffer("columns", view.shape)
        self.at.do(np.copyto, columns, view)
        return columns

    @property
    def _sees_single_places(self) -> bool:
        """Whether the input is itself the columns."""
        windows = self.bound_windows
        return windows.area == 1 and set(windows.stride) == {1} and not windows.pads

    def _grouped(self, array: Array, rows: int | None = None) -> Array:
        """View an array as a matrix for each run and group.

        Parameters
        ----------
        array : ndarray of shape (runs, ..., *count, batch)
            Columns, or outputs.
        rows : int, optional
            Number of rows of the matrices of a run; by default that of the columns.
        """
        rows = rows or self.at.shape[0] * self.bound_windows.area
        return array.reshape(len(array), self.groups, rows // self.groups, -1)

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do, windows = self.at.do, self.bound_windows
        grad = self.contiguous("gradient", grad)
        matrix = self._grouped(grad, self.channels)
        if self.bias:
            flat = grad.reshape(len(grad), self.channels, -1)
            ones = self.at.workspace.ones(flat.shape[-1]).transpose()
            do(np.matmul, flat, ones, self.at.gradients["bias"][..., np.newaxis])
        columns = self._grouped(self.columns)
        do(np.matmul, matrix, columns.swapaxes(2, 3), self.gradient_matrices)
        if not input_gradient:
            return grad
        back = self.buffer("back", (len(grad), *self.x.shape[1:]))
        if self._sees_single_places:
            do(np.matmul, self.matrices.swapaxes(2, 3), matrix, self._grouped(back))
            return back
        # The columns are not needed any more, unless all runs share them.
        into = self.columns
        if len(into) < len(grad):
            into = self.buffer("column gradients", (len(grad), *into.shape[1:]))
        do(np.matmul, self.matrices.swapaxes(2, 3), matrix, self._grouped(into))
        do(back.fill, 0)
        for place, seen, within in windows.parts():
            target = places(back, *seen)
            do(np.add, target, places(into, *place, *within), target)
        return back
