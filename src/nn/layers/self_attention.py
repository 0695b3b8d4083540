"""Self-attention with several heads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
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
class SelfAttention(Layer):
    """Multi-head self-attention over the steps of a sequence (Vaswani et al. 2017).

    A head computes a query q, a key k and a value v of d numbers for each step. Its output at step
    t is the mean of the values vₛ with weights softmax(qₜ·kₛ / √d) over s. The outputs of all
    heads, concatenated, go through a last affine map. A sample (channels, length) keeps its shape.
    Nothing attends to the steps after the end of a sample that ends early.

    Parameters
    ----------
    heads : int, default 4
        Number of heads, which divides that of the channels.
    causal : bool, default False
        Whether a step attends only to itself and the steps before it.
    initializer : Initializer, default ScaledGaussian()
        Initializer of the weights, (channels, channels) for queries, keys, values and outputs.

    Attributes
    ----------
    attention : ndarray of shape (runs, batch, heads, length, length)
        The weights of the last forward pass: that of step s (the last axis but one) for the output
        at step t (the last axis).
    """

    name: ClassVar[str] = "self_attention"
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
    stepwise: ClassVar[bool] = True
    per_run: ClassVar[tuple[str, ...]] = ("initializer",)
    heads: Count = 4
    causal: bool = False
    initializer: Initializer = initializers.ScaledGaussian()

    @property
    def looks_ahead(self) -> bool:  # type: ignore[override]
        """Whether steps attend to later ones."""
        return not self.causal

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % self.heads:
            raise ValueError(f"{self.heads} heads cannot share {shape[0]} channels equally")
        return shape

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        channels = shape[0]
        return [
            Parameter("weights", (channels, 3 * channels), decays=True),
            Parameter("output", (channels, channels), decays=True),
            Parameter("bias", (3 * channels,)),
            Parameter("output_bias", (channels,)),
        ]

    def scratch(self, shape: Shape) -> int:
        return 2 * self.heads * shape[1] ** 2 + 8 * math.prod(shape)

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        for matrix in (*np.split(values["weights"], 3, axis=1), values["output"]):
            matrix[...] = self.initializer(rng, matrix.shape)

    @cached_property
    def _mask(self) -> Array:
        """The mask to add to the scores, (length of s, length of t): -∞ where s is after t."""
        length = self.at.shape[1]
        hidden = np.tril(np.ones((length, length), bool), -1)
        return np.where(hidden, -np.inf, 0).astype(self.at.workspace.dtype)

    @property
    def _scale(self) -> float:
        """The factor 1/√d of scores."""
        return math.sqrt(self.heads / self.at.shape[0])

    def _by_head(self, name: str, count: int, batch: int) -> Array:
        """Return a buffer for vectors of steps, (runs, count, batch, heads, d, length)."""
        channels, length = self.at.shape
        each = channels // self.heads
        runs = len(self.at.peers)
        return self.buffer(name, (runs, count, batch, self.heads, each, length))

    def _split(self, array: Array, count: int) -> Array:
        """View (runs, count · channels, length · batch) in the axes of :meth:`_by_head`."""
        channels, length = self.at.shape
        shape = len(array), count, self.heads, channels // self.heads, length, -1
        return array.reshape(shape).transpose(0, 1, 5, 2, 3, 4)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        do, own = self.at.do, self.at.parameters
        x = self.contiguous("input", x)
        channels, length, batch = x.shape[1:]
        runs, self.x = len(self.at.peers), x.reshape(*x.shape[:2], -1)
        projected = self.buffer("projected", (runs, 3 * channels, length * batch))
        do(np.matmul, own["weights"].swapaxes(1, 2), self.x, projected)
        do(np.add, projected, own["bias"][..., np.newaxis], projected)
        self.parts = self._by_head("parts", 3, batch)
        do(np.copyto, self.parts, self._split(projected, 3))
        queries, keys, values = (self.parts[:, part] for part in range(3))
        do(np.multiply, queries, self._scale, queries)
        self.attention = self.buffer("attention", (runs, batch, self.heads, length, length))
        do(np.matmul, keys.swapaxes(-1, -2), queries, self.attention)
        do(self._normalize, self.attention, self.at.mask(batch))
        taken = self._by_head("taken", 1, batch)
        do(np.matmul, values, self.attention, taken[:, 0])
        self.joined = self.buffer("joined", (runs, channels, length * batch))
        do(np.copyto, self._split(self.joined, 1), taken)
        out = self.buffer("out", (runs, channels, length, batch))
        flat = out.reshape(runs, channels, -1)
        do(np.matmul, own["output"].swapaxes(1, 2), self.joined, flat)
        do(np.add, flat, own["output_bias"][..., np.newaxis], flat)
        return out

    def _normalize(self, scores: Array, within: Array | None) -> None:
        """Turn scores into weights, in place: 0 for steps that are not `within` their sample."""
        if self.causal:
            scores += self._mask
        if within is not None:
            ended = within.transpose(0, 2, 1)[:, :, np.newaxis, :, np.newaxis] == 0
            np.copyto(scores, -np.inf, where=ended)
        scores -= np.maximum.reduce(scores, axis=-2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.add.reduce(scores, axis=-2, keepdims=True)

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        do, own, gradients = self.at.do, self.at.parameters, self.at.gradients
        batch, runs = grad.shape[-1], len(self.at.peers)
        channels, length = self.at.shape
        flat = self.contiguous("gradient", grad).reshape(runs, channels, -1)
        ones = self.at.workspace.ones(flat.shape[-1]).transpose()
        do(np.matmul, flat, ones, gradients["output_bias"][..., np.newaxis])
        do(np.matmul, self.joined, flat.swapaxes(1, 2), gradients["output"])
        joined = self.buffer("back joined", flat.shape)
        do(np.matmul, own["output"], flat, joined)
        taken = self._by_head("back taken", 1, batch)
        do(np.copyto, taken, self._split(joined, 1))
        back = self._by_head("back parts", 3, batch)
        queries, keys, values = (self.parts[:, part] for part in range(3))
        do(np.matmul, taken[:, 0], self.attention.swapaxes(-1, -2), back[:, 2])
        scores = self.buffer("back scores", self.attention.shape)
        do(np.matmul, values.swapaxes(-1, -2), taken[:, 0], scores)
        do(_through_softmax, scores, self.attention)
        do(np.matmul, keys, scores, back[:, 0])
        do(np.multiply, back[:, 0], self._scale, back[:, 0])
        do(np.matmul, queries, scores.swapaxes(-1, -2), back[:, 1])
        projected = self.buffer("back projected", (runs, 3 * channels, length * batch))
        do(np.copyto, self._split(projected, 3), back)
        do(np.matmul, projected, ones, gradients["bias"][..., np.newaxis])
        do(np.matmul, self.x, projected.swapaxes(1, 2), gradients["weights"])
        if not input_gradient:
            return grad
        inputs = self.buffer("back inputs", (runs, channels, length, batch))
        do(np.matmul, own["weights"], projected, inputs.reshape(runs, channels, -1))
        return inputs


def _through_softmax(grad: Array, weights: Array) -> None:
    """Turn the gradient with respect to weights into that with respect to scores, in place."""
    grad *= weights
    total = np.add.reduce(grad, axis=-2, keepdims=True)
    grad -= weights * total
