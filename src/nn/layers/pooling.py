"""The base class of layers that summarize each channel in windows."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer
from .windows import Lengths, Whole, Windows, edges, places


@dataclass
class Pooling(Layer):
    """Base of the layers that give one number for each window and channel.

    Parameters
    ----------
    kernel : int or list of int, default 2
        Number of places in a window along each axis.
    stride : int or list of int, optional
        Distance between neighbouring windows; by default that of windows side by side. Places
        at the end that fill no window are ignored.
    padding : int or list of int, default 0
        Number of places added at both ends of each axis; at most half a window.

    Attributes
    ----------
    edge : float
        The value of added places.
    """

    edge: ClassVar[float] = 0.0
    looks_ahead: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]]
    kernel: Lengths = 2
    stride: Lengths | None = None
    padding: Whole = 0

    def windows(self, shape: Shape) -> Windows:
        """Return the windows over samples of this shape."""
        stride = self.kernel if self.stride is None else self.stride
        windows = Windows.of(shape[1:], self.kernel, stride, self.padding)
        if any(2 * added > k for added, k in zip(windows.before, windows.kernel, strict=True)):
            raise ValueError("padding must be at most half a window, or some see nothing else")
        return windows

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *self.windows(shape).count)

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def scratch(self, shape: Shape) -> int:
        windows = self.windows(shape)
        return shape[0] * math.prod(windows.padded if windows.pads else windows.size)

    @cached_property
    def bound_windows(self) -> Windows:
        """The windows over the layer's samples."""
        return self.windows(self.at.shape)

    @abstractmethod
    def pool(self, out: Array, seen: Sequence[Array]) -> None:
        """Write what each window gives into `out`, by calls through the tape.

        Parameters
        ----------
        out : ndarray of shape (runs, channels, *count, batch)
            The array that receives the output.
        seen : sequence of ndarray of the same shape
            The input of all windows at each place within the window.
        """

    @abstractmethod
    def spread(self, grad: Array, out: Array, seen: Sequence[Array], back: Sequence[Array]) -> None:
        """Write the gradient of each place into `back`, by calls through the tape.

        Parameters
        ----------
        grad, out : ndarray of shape (runs, channels, *count, batch)
            Gradient with respect to the output, which may be overwritten, and the output.
        seen : sequence of ndarray of the same shape
            The input of all windows at each place within the window.
        back : sequence of ndarray of the same shape
            The places of the gradient. They are 0, and the gradients of the windows are added,
            unless the windows do not overlap.
        """

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        windows, batch = self.bound_windows, x.shape[-1]
        if windows.pads:
            padded = self.buffer("padded", (*x.shape[:2], *windows.padded, batch))
            for edge in edges(padded, windows.interior):
                self.at.do(edge.fill, self.edge)
            self.at.do(np.copyto, places(padded, *windows.interior), x)
            x = padded
        self.seen = windows.views(x)
        self.out = self.buffer("out", (*x.shape[:2], *windows.count, batch))
        self.pool(self.out, self.seen)
        return self.out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        windows, do = self.bound_windows, self.at.do
        grad = self.contiguous("gradient", grad)
        shape = (*grad.shape[:2], *windows.padded, grad.shape[-1])
        padded = self.buffer("padded gradient", shape)
        if not windows.tile:
            do(padded.fill, 0)
        self.spread(grad, self.out, self.seen, windows.views(padded))
        if not windows.pads:
            return padded
        back = self.buffer("back", (*grad.shape[:2], *windows.size, grad.shape[-1]))
        do(np.copyto, back, places(padded, *windows.interior))
        return back
