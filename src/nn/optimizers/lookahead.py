"""Lookahead: slow weights follow the optimizer's every few steps, which then start from them.

Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back", Algorithm 1: after every k
steps φ ← φ + α(θ - φ) and θ ← φ. The slow weights φ are evaluated, as by the authors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..some_runs import SomeRuns
from ..speed.buffers import Memory
from ..typing import Array
from .optimizer import Optimizer


class Lookahead(SomeRuns):
    """The slow weights of the runs that have some.

    Parameters
    ----------
    optimizers : sequence of Optimizer
        The optimizer of each run.
    size : int
        Number of parameters.
    memory : Memory
        The memory in which the slow weights are allocated.

    Attributes
    ----------
    weights : ndarray of shape (len(rows), P)
        The slow weights.
    """

    def __init__(self, optimizers: Sequence[Optimizer], size: int, memory: Memory) -> None:
        super().__init__([optimizer.lookahead > 0 for optimizer in optimizers])
        self._optimizers = [optimizers[row] for row in self.rows]
        self.weights = memory.zeros((len(self.rows), size))

    def start(self, parameters: Array) -> None:
        """Start from the parameters (runs, P) before the first step."""
        self.weights[...] = parameters[self.rows]

    def follow(self, parameters: Array, t: int) -> None:
        """Let the slow weights follow after step `t`, and reset the parameters to them."""
        due = [place for place, each in enumerate(self._optimizers) if t % each.lookahead == 0]
        if not due:
            return
        rows = [self.rows[place] for place in due]
        rates = [[self._optimizers[place].lookahead_rate] for place in due]
        slow = self.weights[due]
        slow += np.array(rates, slow.dtype) * (parameters[rows] - slow)
        self.weights[due] = parameters[rows] = slow

    def keep(self, runs: Sequence[int], memory: Memory) -> None:
        """Remove all runs but these."""
        stay = self.restrict(runs)
        self.weights = memory.rows(self.weights, stay)
        self._optimizers = [self._optimizers[place] for place in stay]
