"""The loss of a batch and its gradient, evaluated again in the middle of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..network import Network
from ..typing import Float64Array


class Closure:
    """Evaluates a batch again, at whatever the network's parameters then are.

    It has to be made before the step's first pass, whose dropout masks and random changes of the
    samples it repeats, from the same carried states. Running statistics and carried states stay as
    the first pass leaves them.

    Parameters
    ----------
    network : Network
        The networks.
    batch : sequence of ndarray
        Inputs, targets and weights, as :meth:`~nn.network.Network.backpropagate` takes them.
    adjust : callable, optional
        A function that is called after each pass and changes the gradients, such as by those of
        penalties.
    penalty : callable, optional
        A function that returns the numbers to add to the losses, (runs,) in float64.
    """

    def __init__(
        self,
        network: Network,
        batch: Sequence[Any],
        adjust: Callable[[], object] | None = None,
        penalty: Callable[[], Float64Array] | None = None,
    ) -> None:
        self._network, self._batch = network, batch
        self._adjust, self._penalty = adjust, penalty
        self._carried = {key: array.copy() for key, array in network.carried.items()}
        self._states: list[list[dict[str, Any]]] = []
        if network.is_random:
            self._states = [network.random_states(run) for run in range(network.runs)]

    def __call__(self) -> None:
        """Fill the network's gradients."""
        network = self._network
        statistics = network.statistics.copy()
        carried = {key: array.copy() for key, array in network.carried.items()}
        for key, array in network.carried.items():
            array[...] = self._carried.get(key, 0)
        for run, states in enumerate(self._states):
            network.restore_random_states(run, states)
        self._logits = network.backpropagate(*self._batch)
        network.statistics[...] = statistics
        for key, array in carried.items():
            network.carried[key][...] = array
        if self._adjust is not None:
            self._adjust()

    def losses(self) -> Float64Array:
        """Fill the network's gradients, and return the loss of each run, (runs,)."""
        self()
        losses = self._network.training_loss(self._logits, *self._batch[1:])
        return losses if self._penalty is None else losses + self._penalty()
