"""The base class of probes, and what a probe sees."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Component, Count
from ..network import Network
from ..typing import Array, Float64Array


@dataclass(frozen=True, eq=False)
class Probed:
    """The runs of a stack between two epochs, as a probe sees them.

    Parameters
    ----------
    network : Network
        A copy of the networks in float64 and without dropout. A probe leaves its parameters and
        statistics as they are.
    inputs : ndarray of shape (1, rows, *shape)
        The inputs of the probe's rows.
    targets : ndarray of shape (1, rows, outputs)
        Their encoded targets, without label smoothing.
    weights : ndarray of shape (1, rows, 1), or None
        The weights with which the rows train; None if all weigh the same.
    start : ndarray of shape (runs, P)
        The parameters before training.
    preconditioner : ndarray of shape (runs, P)
        The diagonal of each optimizer's preconditioner; NaN for runs without one
        (`nn.OptimizerStack.preconditioner`).
    """

    network: Network
    inputs: Array
    targets: Array
    weights: Array | None
    start: Array
    preconditioner: Float64Array

    def gradients(self, displacement: Array | float = 0.0) -> Float64Array:
        """Return the gradient of the mean training loss over the rows, taken as one batch.

        The loss has label smoothing and class weights, and no penalties. Batch normalization takes
        the statistics of these rows. Layers that carry states start from zero.

        Parameters
        ----------
        displacement : ndarray of shape (runs, P), default 0
            A displacement of the parameters at which the gradient is taken.

        Returns
        -------
        ndarray of shape (runs, P), float64
        """
        network = self.network
        parameters, statistics = network.parameters.copy(), network.statistics.copy()
        network.parameters += displacement
        targets = network.objective.loss.smooth(self.targets[0])
        network.restart()
        network.backpropagate(self.inputs, targets, self.weights)
        network.parameters[...], network.statistics[...] = parameters, statistics
        return network.gradients.astype(np.float64)


@dataclass(frozen=True)
class Probe(Component):
    """Base of the probes: numbers that are measured between epochs, only where asked for.

    Parameters
    ----------
    every : int, default 1
        Number of epochs from one measurement to the next. The untrained network and the last epoch
        are always measured.
    part : {"train", "validation", "test"}, default "train"
        The part of the dataset from which the rows are taken.
    rows : int, optional
        Number of rows, the first ones of the part; None takes all.

    Attributes
    ----------
    needs_classes : bool
        Whether each row must belong to one class.
    """

    needs_classes: ClassVar[bool] = False

    every: Count = 1
    part: Literal["train", "validation", "test"] = "train"
    rows: Count | None = 1000

    @abstractmethod
    def measure(self, probed: Probed) -> dict[str, Array]:
        """Measure the runs of a stack.

        Parameters
        ----------
        probed : Probed
            The runs.

        Returns
        -------
        dict of str to ndarray of shape (runs,)
            The values by what distinguishes them, such as a layer's name; by "" if there is only
            one. They are recorded as ``probe/<label>/<key>``. The same keys every time; NaN is
            recorded as no value.
        """
