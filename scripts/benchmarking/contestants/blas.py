"""The lower bound: the matrix products of a training step, and nothing else."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarking.contestants.descent import Descent
from benchmarking.contestants.worker import serve
from nn.speed.buffers import Memory

Array = NDArray[np.float32]
Product = tuple[Array, Array, Array]


class Blas(Descent):
    """Matrix products of the same shapes as in :class:`Descent`, into preallocated arrays.

    For each layer they are x·W, xᵀ·δ and, except for the first layer, δ·Wᵀ, in memory allocated
    in the same way. There are no biases, activations, updates or random batches: every step
    multiplies the same numbers.
    """

    ways = ("stack by stack", "run by run")
    dense_only = True
    compile_after = math.inf

    def start(self, way: str) -> None:
        self.products = [self._step(width, split=way == "run by run") for width in self.widths]

    def _step(self, runs: int, *, split: bool) -> list[Product]:
        """Return the products of a step as triples: left, right, result."""
        rng, memory = np.random.default_rng(0), Memory(np.dtype(np.float32))
        batch, widths = self.size.batch, self.size.widths

        def array(*shape: int) -> Array:
            numbers = memory.zeros((runs, *shape))
            rng.standard_normal(dtype=np.float32, out=numbers)
            return numbers

        values = [array(batch, width) for width in widths]
        errors = [array(batch, width) for width in widths]
        weights = [array(*shape) for shape in pairwise(widths)]
        gradients = [array(*shape) for shape in pairwise(widths)]
        forward, backward = [], []
        for layer, matrix in enumerate(weights):
            forward.append((values[layer], matrix, array(batch, widths[layer + 1])))
        for layer, matrix in reversed(list(enumerate(weights))):
            error = errors[layer + 1]
            backward.append((values[layer].transpose(0, 2, 1), error, gradients[layer]))
            if layer > 0:
                back = array(batch, widths[layer])
                backward.append((error, matrix.transpose(0, 2, 1), back))
        products = forward + backward
        if not split:
            return products
        return [
            (left[run], right[run], result[run])
            for run in range(runs)
            for left, right, result in products
        ]

    def train(self, epochs: int) -> None:
        for products in self.products:
            for _ in range(epochs * self.size.steps):
                for left, right, result in products:
                    np.matmul(left, right, out=result)

    def loss(self) -> None:
        """Return None: nothing is learnt."""


if __name__ == "__main__":
    serve(Blas)
