"""The base class of convolutions, along any number of axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import initializers
from ..component import Count, Finite
from ..initializers import Initializer
from ..parameters import Parameter
from ..speed.compile import Fused
from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer
from .rows import Part, Rows
from .windows import Lengths, Padding, Windows, edges, places

_PIECE = 1 << 20
"""Number of numbers of the gradients of some rows of outputs that are in the cache at a time."""


@dataclass
class Convolution(Layer):
    """Cross-correlation with kernels: each output channel sums kernel · window over its inputs.

    The inputs of the windows are copied row by row, for the windows along all axes but the first.
    Then the inputs of all windows of a row of outputs are one matrix, since the rows of the sample
    follow each other in memory, and each run, group and row of outputs takes one product. Rows of
    kernels that see only padding are left out. With the batch axis last, copies and products work
    on long contiguous pieces however few channels there are.

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

    @property
    def looks_ahead(self) -> bool:  # type: ignore[override]
        """Whether windows see more than one place."""
        return self.kernel not in (1, (1,), (1, 1))

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
        rows = self._rows(shape)
        return shape[0] * (rows.seen_size + math.prod(rows.padded))

    def _rows(self, shape: Shape) -> Rows:
        """Return the windows over samples of this shape, row by row."""
        return Rows.of(self.windows(shape), adds_rows=self.padding_value != 0)

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        kernels = values["weights"]
        kernels[...] = self.initializer.kernels(rng, kernels.shape, self.groups)
        if self.bias:
            fan_in = math.prod(kernels.shape[1:])
            values["bias"][...] = self.bias_initializer.biases(rng, fan_in, self.channels)

    @cached_property
    def rows(self) -> Rows:
        """The windows over the layer's samples, row by row."""
        return self._rows(self.at.shape)

    @cached_property
    def _grouped(self) -> tuple[int, int, int]:
        """The number of groups, and of input and output channels of each."""
        groups = self.groups
        return groups, self.at.shape[0] // groups, self.channels // groups

    @cached_property
    def add_bias(self) -> Fused:
        """Code for z ← z + b."""
        return Fused(
            lambda z, bias, _: np.add(z, bias, out=z), "channel bias", 0, self.at.workspace
        )

    @property
    def _ordered(self) -> bool:
        """Whether kernels have the order of what windows see: the rows before the channels."""
        return self._grouped[1] == 1 or self.rows.kernel == 1

    def _by_row(self, kernels: Array) -> Array:
        """View kernels as (runs, groups, channels / groups, rows, inputs / groups, rest)."""
        groups, inputs, outputs = self._grouped
        shape = (len(kernels), groups, outputs, inputs, self.rows.kernel, -1)
        return kernels.reshape(shape).swapaxes(3, 4)

    def _as_matrices(self, kernels: Array) -> Array:
        """View kernels, or a copy of them by row, as (runs, groups, channels / groups, rest)."""
        groups, _, outputs = self._grouped
        return kernels.reshape(len(kernels), groups, outputs, -1)

    def _output_rows(self, z: Array) -> Array:
        """View outputs as (runs, groups, rows, channels / groups, rest)."""
        groups, _, outputs = self._grouped
        return z.reshape(len(z), groups, outputs, self.rows.count, -1).swapaxes(2, 3)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        do, rows = self.at.do, self.rows
        kernels = self.at.parameters["weights"]
        if not self._ordered:
            by_row = self._by_row(kernels)
            kernels = self.buffer("kernels", by_row.shape)
            do(np.copyto, kernels, by_row)
        self.kernels = self._as_matrices(kernels)
        self.seen = self._seen(self.contiguous("input", x))
        shape = self.output_shape(self.at.shape)
        z = self.buffer("z", (len(kernels), *shape, x.shape[-1]))
        out = self._output_rows(z)
        for part in rows.parts:
            own = self.kernels[:, :, np.newaxis, :, self._columns(part)]
            do(np.matmul, own, _matrices(self.seen, part), out[:, :, part.windows])
        for row in rows.blind:
            do(out[:, :, row].fill, 0)
        if self.bias:
            bias = self.at.parameters["bias"][..., np.newaxis]
            do(self.add_bias, z.reshape(len(z), self.channels, -1), bias)
        return z

    def _columns(self, part: Part) -> slice:
        """Return the columns of the kernels' matrices that a part of the windows needs."""
        row = self.kernels.shape[-1] // self.rows.kernel
        return slice(part.kernel.start * row, part.kernel.stop * row)

    def _seen(self, x: Array) -> Array:
        """Copy what the windows see in each row: (runs, groups, rows, inputs · rest, n)."""
        rows, (groups, inputs, _) = self.rows, self._grouped
        if rows.plain:
            return x.reshape(len(x), groups, inputs, rows.size, -1).swapaxes(2, 3)
        x = x.reshape(*x.shape[:2], *rows.shape, x.shape[-1])
        if rows.pads:
            padded = self.buffer("padded", (*x.shape[:2], *rows.padded, x.shape[-1]))
            for edge in edges(padded, rows.interior):
                self.at.do(edge.fill, self.padding_value)
            self.at.do(np.copyto, places(padded, *rows.interior), x)
            x = padded
        view = rows.view(x, groups)
        seen = self.buffer("seen", view.shape)
        for ours, theirs in rows.order:
            self.at.do(np.copyto, seen[:, :, ours], view[:, :, theirs])
        return seen.reshape(*seen.shape[:3], inputs * rows.across.area, -1)

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do = self.at.do
        grad = self.contiguous("gradient", grad)
        if self.bias:
            flat = grad.reshape(len(grad), self.channels, -1)
            ones = self.at.workspace.ones(flat.shape[-1]).transpose()
            do(np.matmul, flat, ones, self.at.gradients["bias"][..., np.newaxis])
        by_row = self._output_rows(grad)
        self._find_kernel_gradients(by_row)
        return self._input_gradients(by_row, grad.shape[-1]) if input_gradient else grad

    def _find_kernel_gradients(self, grad: Array) -> None:
        """Fill the gradients of the kernels: a product for each row of outputs, and their sum."""
        do, gradients = self.at.do, self.at.gradients["weights"]
        by_row = self._by_row(gradients)
        found = gradients if self._ordered else self.buffer("kernel gradients", by_row.shape)
        matrices, parts = self._as_matrices(found), self.rows.parts
        if len(parts) != 1 or self._columns(parts[0]) != slice(0, matrices.shape[-1]):
            do(matrices.fill, 0)
            alone = False
        else:
            alone = True
        for part in parts:
            into = matrices[..., self._columns(part)]
            operands = grad[:, :, part.windows], _matrices(self.seen, part).swapaxes(3, 4)
            if alone and part.count == 1:
                do(np.matmul, *operands, into[:, :, np.newaxis])
                continue
            shape = (*into.shape[:2], part.count, *into.shape[2:])
            products = self.buffer("products", shape)
            do(np.matmul, *operands, products)
            if alone:
                do(np.add.reduce, products, 2, None, into)
            else:
                total = self.buffer("sum of products", into.shape)
                do(np.add.reduce, products, 2, None, total)
                do(np.add, into, total, into)
        if not self._ordered:
            do(np.copyto, by_row, found)

    def _input_gradients(self, grad: Array, batch: int) -> Array:
        """Return the gradient of the input: the sum of those of all places where it was seen."""
        do, rows, (groups, inputs, _) = self.at.do, self.rows, self._grouped
        runs, channels = len(grad), self.at.shape[0]
        back = self.buffer("back", (runs, channels, rows.size, *rows.shape[1:], batch))
        if rows.plain:
            seen = back.reshape(runs, groups, inputs, rows.size, -1).swapaxes(2, 3)
        elif len(self.seen) == runs:
            seen = self.seen  # which is not needed any more
        else:
            seen = self.buffer("seen gradients", (runs, *self.seen.shape[1:]))
        once = rows.kernel == 1  # each row is seen at most once
        parts = rows.parts
        if not once or sum(part.count for part in parts) < rows.size:
            do(seen.fill, 0)
        transposed = self.kernels.swapaxes(2, 3)[:, :, np.newaxis]
        for whole in parts:
            height = whole.kernel.stop - whole.kernel.start
            most = max(1, _PIECE // (height * math.prod(seen.shape[3:])))
            for part in [whole] if once else whole.pieces(most):
                operands = transposed[..., self._columns(part), :], grad[:, :, part.windows]
                if once:
                    do(np.matmul, *operands, _matrices(seen, part))
                    continue
                shape = (runs, groups, part.count, height, *seen.shape[3:])
                piece = self.buffer("piece", shape)
                do(np.matmul, *operands, piece.reshape(*shape[:3], -1, shape[-1]))
                for row in range(height):
                    first = part.first + row
                    last = first + (part.count - 1) * part.step
                    into = seen[:, :, first : last + 1 : part.step]
                    do(np.add, into, piece[:, :, :, row], into)
        if not rows.plain:
            self._add_across(seen, back)
        if any(rows.added):
            back = self.contiguous("own rows", places(back, rows.own_rows))
        return back.reshape(runs, *self.at.shape, batch)

    def _add_across(self, seen: Array, back: Array) -> None:
        """Add the gradients of all that was seen in each row to those of the input."""
        do, rows, (groups, inputs, _) = self.at.do, self.rows, self._grouped
        across, batch = rows.across, back.shape[-1]
        each = seen.reshape(*seen.shape[:3], inputs, *across.kernel, *across.count, batch)
        each = each.swapaxes(2, 3)
        into = back.reshape(len(back), groups, inputs, *back.shape[2:])
        do(back.fill, 0)
        for place, within, windows in across.parts():
            for ours, theirs in rows.order:
                target = places(into, slice(None), theirs, *within)
                source = places(each, slice(None), ours, *place, *windows)
                do(np.add, target, source, target)


def _matrices(seen: Array, part: Part) -> Array:
    """View what a part of the windows sees as a matrix for each run, group and row of outputs.

    Parameters
    ----------
    seen : ndarray of shape (runs, groups, rows, inputs · rest of the kernel, n)
        The windows' inputs in each row.
    part : Part
        The windows.

    Returns
    -------
    ndarray of shape (runs, groups, count, kernel rows · inputs · rest of the kernel, n)
        Matrices of neighbouring rows of outputs overlap, if kernels have several rows.
    """
    runs, groups, row, inner, number = seen.strides
    height = part.kernel.stop - part.kernel.start
    shape = (*seen.shape[:2], part.count, height * seen.shape[3], seen.shape[4])
    strides = (runs, groups, part.step * row, inner, number)
    return as_strided(seen[:, :, part.first :], shape, strides)
