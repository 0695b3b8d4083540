"""The steps of a stack's runs, as many together as the cache holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from nn.batches import Batches
from nn.gradients import (
    add_l1_gradient,
    add_l2_gradient,
    clip_by_norm,
    clip_by_value,
    global_norm,
    norms_by_layer,
)
from nn.network import Network
from nn.optimizers import OptimizerStack

Array = NDArray[np.floating]


class Tile:
    """Runs next to each other in a stack that take their steps together.

    What they touch in a step stays in the cache for the next one, all through an epoch, before
    the next tile's turn comes. After it, all runs of the stack are measured together, so that the
    data are gone through once.

    Parameters
    ----------
    runs : sequence of Run
    network : Network
        Theirs: a part of the stack's.
    inputs, targets : ndarray of shape (rows, features), (rows, outputs)
        What they are trained on.

    Attributes
    ----------
    norms : ndarray of shape (runs,)
        Mean norms of the gradient in the last epoch.
    gradient_norms : dict of str to ndarray
        Norms (runs,) of each layer's last gradient of a full batch, when they were asked for.
    """

    def __init__(
        self, runs: Sequence[Run], network: Network, inputs: Array, targets: Array
    ) -> None:
        settings = runs[0].training
        size = len(inputs) if settings.batch_size == "full" else settings.batch_size
        self.batches = Batches(inputs, targets, size, network.seeds)
        self.optimizers = OptimizerStack(
            [run.optimizer for run in runs], network.layout, network.dtype
        )
        self.norms = np.zeros(len(runs))
        self.gradient_norms: dict[str, Array] = {}
        self._bind(runs, network)

    def _bind(self, runs: Sequence[Run], network: Network) -> None:
        """Collect the runs' numbers for the steps."""
        self.runs, self.network = list(runs), network
        training = [run.training for run in runs]
        self.penalized = network.layout.decayed
        if training[0].penalize_biases:
            self.penalized = network.layout.size

        def column(values: Sequence[float | None]) -> Array | None:
            if not values[0]:  # then it is off in all runs: they would not share a stack
                return None
            return np.array(values, network.dtype).reshape(-1, 1)

        self.l1 = column([t.l1 for t in training])
        self.l2 = column([t.l2 for t in training])
        self.clip_norm = column([t.clip_norm for t in training])
        self.clip_value = column([t.clip_value for t in training])
        self.work = np.empty((network.runs, self.penalized), network.dtype)

    def train_epoch(
        self, factors: NDArray[np.float64] | None, *, measures_layers: bool = False
    ) -> None:
        """Take one epoch's steps.

        Parameters
        ----------
        factors : ndarray of shape (1 or steps, runs, 1), or None
            Of the learning rates; None for 1 throughout.
        measures_layers : bool, default False
            Whether to take :attr:`gradient_norms`.
        """
        network = self.network
        norms = np.zeros((network.runs, 1))
        for step, (inputs, targets) in enumerate(self.batches.epoch()):
            network.backpropagate(inputs, targets)
            gradients = network.gradients
            self._penalize(gradients)
            norm = global_norm(gradients)
            norms += norm
            if measures_layers and step == self.batches.last_full:
                self.gradient_norms = norms_by_layer(gradients, network.layout)
            if self.clip_norm is not None:
                clip_by_norm(gradients, norm, self.clip_norm)
            if self.clip_value is not None:
                clip_by_value(gradients, self.clip_value)
            factor = None if factors is None else factors[min(step, len(factors) - 1)]
            self.optimizers.step(network.parameters, gradients, factor)
        self.norms = norms[:, 0] / self.batches.steps

    def _penalize(self, gradients: Array) -> None:
        part, parameters = gradients[:, : self.penalized], self.network.parameters
        if self.l2 is not None:
            add_l2_gradient(part, parameters[:, : self.penalized], self.l2, self.work)
        if self.l1 is not None:
            add_l1_gradient(part, parameters[:, : self.penalized], self.l1, self.work)

    def keep(self, rows: Sequence[int], network: Network) -> None:
        """Let all runs but these leave; `network` is of those that stay."""
        self.optimizers.keep(rows)
        self.batches.keep(rows)
        self.norms, self.gradient_norms = self.norms[rows], {}
        self._bind([self.runs[row] for row in rows], network)
