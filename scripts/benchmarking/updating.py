"""The process that times one optimizer's update, and in turn what it cannot do without.

The process reads a JSON object from its argument and prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import nn
from benchmarking.updates import ELEMENTWISE, MATRICES, SUMS
from nn.layers import Dense
from nn.optimizers import rule

Array = NDArray[np.float32]

INTERVAL = 4
"""The number of steps after which methods that take roots of matrices take them here."""

_STEPS = 8
"""The number of updates in a repetition, of which those without roots are one by median."""


class Update:
    """An optimizer that updates the parameters of a dense network.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.
    widths : tuple of int
        The numbers of inputs, of units in hidden layers, and of outputs.
    """

    def __init__(self, optimizer: nn.Optimizer, widths: tuple[int, ...]) -> None:
        rule.COMPILE_AFTER = 0
        self.period = INTERVAL if hasattr(optimizer, "interval") else 1
        if self.period > 1:
            optimizer = replace(optimizer, interval=INTERVAL)
        network = nn.Network(
            [Dense(units) for units in widths[1:]], widths[0], loss=nn.CrossEntropy(), seeds=[0]
        )
        self.parameters, layout = network.parameters, network.layout
        self.gradients = np.zeros_like(self.parameters)
        scale = np.float32(1 / layout.size)
        self.source = np.random.default_rng(0).standard_normal(
            self.parameters.shape, dtype=np.float32
        )
        self.source *= scale**0.5
        self.stack = nn.OptimizerStack([optimizer], layout, self.parameters.dtype)
        # Methods with roots take them in each of the first steps.
        for _ in range(2 * self.period + 1):
            self.step()
        self.products = self._products() if optimizer.updated_as_matrices(layout) else []
        self.kind = MATRICES if self.products else SUMS
        if not (self.products or optimizer.whole_matrices or optimizer.reduces_over()):
            self.kind = ELEMENTWISE

    def step(self) -> float:
        """Take a step; return the seconds of the processor that the update takes."""
        np.copyto(self.gradients, self.source)
        began = time.process_time()
        self.stack.step(self.parameters, self.gradients)
        return time.process_time() - began

    def traffic(self) -> float:
        """Return the seconds in which NumPy reads the gradients, and reads and writes the rest."""
        changed = [self.parameters, *self.stack.state(0).values()]
        np.copyto(self.gradients, self.source)
        gradient = self.gradients[0]
        began = time.process_time()
        np.dot(gradient, gradient)
        for array in changed:
            np.multiply(array, 1, out=array)
        return time.process_time() - began

    def multiply(self) -> float:
        """Return the seconds that the matrix products of a step take alone."""
        began = time.process_time()
        for left, right, result in self.products:
            np.matmul(left, right, out=result)
        return time.process_time() - began

    def _products(self) -> list[tuple[Array, Array, Array]]:
        """Return the products of two matrices in a step without roots, the fewest in a period."""
        lists = []
        for _ in range(self.period):
            with _recorded() as made:
                self.step()
            lists.append(made)
        products = min(lists, key=len)
        return [one for one in products if min(*one[0].shape[-2:], *one[1].shape[-2:]) > 1]

    def repeat(self) -> dict[str, float]:
        """Return the microseconds of an update, of its bound, and of the roots."""
        bound = self.multiply if self.products else self.traffic
        taken: list[list[float]] = [[] for _ in range(self.period)]
        bounds = []
        for step in range(_STEPS):
            bounds.append(bound())
            taken[step % self.period].append(self.step())
        by_place = sorted(map(median, taken))
        update = median(by_place[:-1] or by_place)
        roots = by_place[-1] - update if self.period > 1 else 0.0
        found = {"update": update, "bound": median(bounds), "roots": roots}
        return {name: seconds * 1e6 for name, seconds in found.items()}


@contextmanager
def _recorded() -> Iterator[list[tuple[Array, Array, Array]]]:
    """Record the operands and the results of all products of matrices."""
    made: list[tuple[Array, Array, Array]] = []
    multiply: Callable[..., Any] = np.matmul

    def record(left: Array, right: Array, out: Array | None = None) -> Array:
        result: Array = multiply(left, right, out=out)
        made.append((left, right, result))
        return result

    with patch.object(np, "matmul", record):
        yield made


def main() -> None:
    asked = json.loads(sys.argv[1])
    options = asked["options"]
    optimizer = nn.Optimizer.named(asked["optimizer"], **options)
    with np.errstate(all="ignore"):
        update = Update(optimizer, tuple(asked["widths"]))
        repetitions = [update.repeat() for _ in range(asked["repeats"])]
    print(json.dumps({"kind": update.kind, "repetitions": repetitions}))


if __name__ == "__main__":
    main()
