"""The embedding of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from .. import initializers
from ..component import Count
from ..initializers import Initializer
from ..parameters import Parameter
from ..speed.replay import replayable
from ..typing import Array, Indices, Shape
from .layer import Layer

_STANDARD: Final = initializers.Normal(std=1.0)


@dataclass
class Embedding(Layer):
    """Replaces each token of a sequence by its vector, a row of the weights (Bengio et al. 2003).

    A sample is (length,) whole numbers from 0 to tokens - 1, and becomes (units, length). The layer
    is the first one of its network.

    Parameters
    ----------
    tokens : int
        Number of different tokens.
    units : int
        Number of numbers of a vector.
    initializer : Initializer, default N(0, 1)
        Initializer of the weights, (tokens, units).
    """

    name: ClassVar[str] = "embedding"
    per_run: ClassVar[tuple[str, ...]] = ("initializer",)
    axes: ClassVar[tuple[str, ...]] = ("length",)
    tokens: Count
    units: Count
    initializer: Initializer = _STANDARD

    @property
    def vocabulary(self) -> int:  # type: ignore[override]
        """The number of different tokens."""
        return self.tokens

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units, *shape)

    def batch_last(self, shape: Shape) -> bool | None:
        return True

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter("weights", (self.tokens, self.units), decays=True)]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        values["weights"][...] = self.initializer(rng, values["weights"].shape)

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        weights = self.at.parameters["weights"]
        columns = self.buffer("columns", (len(weights), self.units, self.tokens))
        self.at.do(np.copyto, columns, weights.swapaxes(1, 2))
        out = self.buffer("out", (len(weights), self.units, *x.shape[1:]))
        for run, vectors in enumerate(columns):
            self.at.do(np.take, vectors, x[run % len(x)], 1, out[run], "clip")
        return out

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        gradients = self.at.gradients["weights"]
        if not self.at.tied:
            self.at.do(gradients.fill, 0)
        for run, gradient in enumerate(gradients):
            self.at.do(_scatter, self.x[run % len(self.x)], grad[run], gradient)
        return grad


def _scatter(tokens: Indices, grad: Array, out: Array) -> None:
    """Add the gradients of vectors, (units, length, batch), to the rows of their tokens."""
    tokens = tokens.reshape(-1)
    order = np.argsort(tokens, kind="stable")
    tokens = tokens[order]
    first = np.flatnonzero(np.diff(tokens, prepend=-1))  # of each token that occurs
    columns = grad.reshape(len(grad), -1).take(order, axis=1)
    out[tokens[first]] += np.add.reduceat(columns, first, axis=1).transpose()
