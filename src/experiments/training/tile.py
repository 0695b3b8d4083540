"""The training steps of as many runs of a stack as the cache holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.training.length import batch_rows
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
from nn.optimizers.closure import Closure
from nn.table_rows import TableRows

Array = NDArray[np.floating]


class Tile:
    """Adjacent runs of a stack that take their steps together.

    A tile trains for a whole epoch before the next tile starts, so its working set stays in the
    cache from one step to the next. Evaluation is done for all runs of the stack at once and
    reads the data only once.

    Parameters
    ----------
    runs : sequence of Run
        The runs of the tile.
    network : Network
        The networks of these runs, a view of the stack's.
    inputs, targets : TableRows
        The training rows of each run.
    weights : TableRows, optional
        The weights with which they train.
    epochs : sequence of int
        The length of the training of each run.

    Attributes
    ----------
    norms : ndarray of shape (runs,)
        Mean gradient norm in the last epoch.
    gradient_norms : dict of str to ndarray
        Norm of each layer's gradient for the last full batch, of shape (runs,), where requested.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        network: Network,
        inputs: TableRows,
        targets: TableRows,
        weights: TableRows | None = None,
        *,
        epochs: Sequence[int],
    ) -> None:
        settings = runs[0].training
        self.inputs = inputs
        self.batches = Batches(
            inputs,
            targets,
            batch_rows(settings, len(inputs)),
            network.seeds,
            order=settings.order,
            drop_last=settings.last_batch == "drop",
            weights=weights,
        )
        self.optimizers = OptimizerStack(
            [run.optimizer for run in runs],
            network.layout,
            network.dtype,
            [run.averaging for run in runs],
            self.batches.steps,
            epochs,
        )
        self.norms = np.zeros(len(runs))
        self.gradient_norms: dict[str, Array] = {}
        self._bind(runs, network)

    def _bind(self, runs: Sequence[Run], network: Network) -> None:
        """Gather the runs' settings into columns, one row for each run."""
        self.runs, self.network = list(runs), network
        training = [run.training for run in runs]
        self.penalized = network.layout.decayed
        if training[0].penalize_biases:
            self.penalized = network.layout.size

        def column(values: Sequence[float | None]) -> Array | None:
            if not values[0]:  # off in all runs, or they would not share a stack
                return None
            return np.array(values, network.dtype).reshape(-1, 1)

        rows = self.batches.rows
        divisors = [rows if t.penalties_over_rows else 1 for t in training]
        self.l1 = column([t.l1 / n for t, n in zip(training, divisors, strict=True)])
        self.l2 = column([t.l2 / n for t, n in zip(training, divisors, strict=True)])
        self.clip_norm = column([t.clip_norm for t in training])
        self.clip_value = column([t.clip_value for t in training])
        self.box = None
        if training[0].box is not None:
            ends = np.array([t.box for t in training], network.dtype)  # (runs, 2)
            self.box = ends[:, :1], ends[:, 1:]
        self.work = np.empty((network.runs, self.penalized), network.dtype)

    def train_epoch(
        self,
        steps: int,
        factors: NDArray[np.float64] | None,
        momenta: NDArray[np.float64] | None = None,
        *,
        measures_layers: bool = False,
    ) -> None:
        """Train for one epoch.

        Parameters
        ----------
        steps : int
            The number of steps, fewer than those of a whole epoch if it is cut short.
        factors : ndarray of shape (1 or steps, runs, 1), or None
            Factors of the learning rates; None for 1 throughout.
        momenta : ndarray of shape (1 or steps, runs, 1), or None
            Momenta that schedules prescribe; None leaves them to the optimizers.
        measures_layers : bool, default False
            Whether to update :attr:`gradient_norms`.
        """
        network = self.network
        norms = np.zeros((network.runs, 1))
        last_full = min(self.batches.last_full, steps - 1)
        network.restart()  # each epoch starts the streams again
        for step, batch in enumerate(islice(self.batches.epoch(), steps)):
            norms += self.step(
                batch,
                None if factors is None else factors[min(step, len(factors) - 1)],
                None if momenta is None else momenta[min(step, len(momenta) - 1)],
                measures_layers=measures_layers and step == last_full,
            )
        self.norms = norms[:, 0] / steps

    def step(
        self,
        batch: Sequence[Array],
        factor: NDArray[np.float64] | None = None,
        momentum: NDArray[np.float64] | None = None,
        *,
        measures_layers: bool = False,
    ) -> Array:
        """Take one step.

        Parameters
        ----------
        batch : sequence of ndarray
            A batch of :attr:`batches`.
        factor, momentum : ndarray of shape (runs, 1), optional
            The factors of the learning rates, and the momenta, as in :meth:`train_epoch`.
        measures_layers : bool, default False
            Whether to update :attr:`gradient_norms`.

        Returns
        -------
        ndarray of shape (runs, 1)
            The norms of the gradients, before they are clipped.
        """
        network, gradients = self.network, self.network.gradients
        closure = None
        if self.optimizers.reevaluates:
            closure = Closure(network, batch, self._adjust, self._penalty)
        if not self.optimizers.recall(gradients):
            network.backpropagate(*batch)
            self._penalize(gradients)
        norm = global_norm(gradients)
        if measures_layers:
            self.gradient_norms = norms_by_layer(gradients, network.layout)
        self._clip(gradients, norm)
        self.optimizers.step(
            network.parameters, gradients, factor, momentum, closure=closure, box=self.box
        )
        return norm

    def _penalize(self, gradients: Array) -> None:
        part, parameters = gradients[:, : self.penalized], self.network.parameters
        if self.l2 is not None:
            add_l2_gradient(part, parameters[:, : self.penalized], self.l2, self.work)
        if self.l1 is not None:
            add_l1_gradient(part, parameters[:, : self.penalized], self.l1, self.work)

    def _clip(self, gradients: Array, norm: Array) -> None:
        if self.clip_norm is not None:
            clip_by_norm(gradients, norm, self.clip_norm)
        if self.clip_value is not None:
            clip_by_value(gradients, self.clip_value)

    def _adjust(self) -> None:
        """Do to the gradients of another pass what is done to those of the first."""
        gradients = self.network.gradients
        self._penalize(gradients)
        self._clip(gradients, global_norm(gradients))

    def measure_statistics(self, rows: Sequence[int]) -> None:
        """Measure the statistics of some runs again on the training part, in its order."""
        self.network.measure_statistics(rows, self.inputs, self.batches.batch_size)

    def _penalty(self) -> NDArray[np.float64]:
        """Return what the penalties add to the loss of each run."""
        part = self.network.parameters[:, : self.penalized].astype(np.float64)
        total = np.zeros(len(part))
        for run, row in enumerate(part):
            if self.l2 is not None:
                total[run] += 0.5 * float(self.l2[run, 0]) * np.dot(row, row)
            if self.l1 is not None:
                total[run] += float(self.l1[run, 0]) * np.abs(row).sum()
        return total

    def keep(self, rows: Sequence[int], network: Network) -> None:
        """Keep only the runs at `rows`, whose networks are `network`."""
        self.optimizers.keep(rows)
        self.batches.keep(rows)
        self.inputs = self.inputs.keep(rows)
        self.norms, self.gradient_norms = self.norms[rows], {}
        self._bind([self.runs[row] for row in rows], network)
