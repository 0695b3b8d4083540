"""Bound layers in sequence, with the batch axis moved between layers that place it differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..typing import Array, Shape
from .layer import Layer


def arrangements(layers: Sequence[Layer], shapes: Sequence[Shape], batch_last: bool) -> list[bool]:
    """Return whether the batch axis is last in the input of each layer.

    A layer that takes either arrangement gets that of the layer before.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in order.
    shapes : sequence of tuple of int
        The shape of each layer's input samples.
    batch_last : bool
        Whether the batch axis is last in the input of the first layer.
    """
    result = []
    for layer, shape in zip(layers, shapes, strict=False):
        wanted = layer.batch_last(shape)
        batch_last = batch_last if wanted is None else wanted
        result.append(batch_last)
    return result


class Chain:
    """Layers that pass arrays on to each other.

    Parameters
    ----------
    layers : sequence of Layer
        Bound layers, in their :func:`arrangements`.
    takes, gives : bool
        Whether the batch axis is last in the chain's input, and in its output.
    """

    def __init__(self, layers: Sequence[Layer], *, takes: bool, gives: bool) -> None:
        self.layers = layers
        # Whether the batch axis is last in the input, in each layer, and in the output.
        self._last = [takes, *(layer.at.batch_last for layer in layers), gives]
        trained = [bool(layer.at.parameters) for layer in layers]
        self._first_trained = trained.index(True) if any(trained) else len(layers)

    @property
    def replays(self) -> bool:
        """Whether all that the layers do in a training step goes through the tape."""
        return all(layer.replays for layer in self.layers)

    def forward(self, x: Any, training: bool) -> Array:
        """Pass the input through all layers; see :meth:`nn.layers.Layer.forward`."""
        for position, layer in enumerate(self.layers):
            if self._transposes(position):
                x = _transposed(x, layer, "transposed input", self._last[position + 1])
            x = layer.forward(x, training)
        if self._transposes(len(self.layers)):
            x = _transposed(x, self.layers[-1], "transposed output", self._last[-1])
        output: Array = x  # there is at least one layer, or the input is an array
        return output

    def backward(self, grad: Array, input_gradient: bool) -> Array:
        """Pass the gradient back through all layers that need it."""
        first = 0 if input_gradient else self._first_trained
        if self._transposes(len(self.layers)):
            grad = _transposed(grad, self.layers[-1], "transposed output gradient", self._last[-2])
        for position in reversed(range(first, len(self.layers))):
            layer = self.layers[position]
            needed = input_gradient or position > first
            grad = layer.backward(grad, needed)
            if needed and self._transposes(position):
                grad = _transposed(grad, layer, "transposed input gradient", self._last[position])
        return grad

    def _transposes(self, position: int) -> bool:
        """Whether arrays are transposed before the layer at `position`, or after the last one."""
        return self._last[position] != self._last[position + 1]


def _transposed(array: Array, layer: Layer, key: str, to_last: bool) -> Array:
    """Move the batch axis from the second place to the last, or back.

    The result is a copy in a buffer of `layer`, unless a view will do: one that is contiguous, or
    vectors as columns, which matrix products take as they are.
    """
    view = np.moveaxis(array, 1, -1) if to_last else np.moveaxis(array, -1, 1)
    if view.flags.c_contiguous or (view.ndim == 3 and not to_last):
        return view
    copy = layer.buffer(key, view.shape)
    layer.at.do(np.copyto, copy, view)
    return copy
