"""Sharpness-aware minimization: the gradient is taken where the loss is higher nearby.

Foret et al. 2021, "Sharpness-aware minimization for efficiently improving generalization",
Algorithm 1 with p = 2: ĝ = ∇L(θ + ρ·∇L(θ)/‖∇L(θ)‖), with which any optimizer updates θ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..gradients import global_norm
from ..some_runs import SomeRuns
from ..speed.buffers import Workspace
from ..typing import Array
from .closure import Closure
from .optimizer import Optimizer

_LEAST = 1e-12
"""A constant added to the norm of a gradient, as in the most used implementation."""


class SharpnessAware(SomeRuns):
    """The second gradient of the runs that have a radius.

    Parameters
    ----------
    optimizers : sequence of Optimizer
        The optimizer of each run.
    dtype : dtype
        Precision of the parameters.
    """

    def __init__(self, optimizers: Sequence[Optimizer], dtype: np.dtype[np.floating]) -> None:
        super().__init__([optimizer.sam > 0 for optimizer in optimizers])
        self._radii = np.array([[optimizers[row].sam] for row in self.rows])
        self._workspace = Workspace(dtype)

    def replace(self, parameters: Array, gradients: Array, closure: Closure) -> None:
        """Replace the gradients, (runs, P), by those at the weights nearby; see the module."""
        kept = self._workspace.array("kept", parameters.shape)
        np.copyto(kept, parameters)
        own = gradients[self.rows]
        own *= self._radii / (global_norm(own) + _LEAST)
        parameters[self.rows] += own
        closure()
        np.copyto(parameters, kept)

    def keep(self, runs: Sequence[int]) -> None:
        """Remove all runs but these."""
        self._radii = self._radii[self.restrict(runs)]
