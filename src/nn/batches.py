"""The batches of a stack of runs: which rows each run sees at each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .randomness import stream
from .speed.buffers import Workspace
from .typing import Array


class Batches:
    """Shuffled batches, in an order that only a run's seed decides.

    Parameters
    ----------
    inputs : ndarray of shape (rows, features)
    targets : ndarray of shape (rows, outputs)
        In the precision of the inputs.
    batch_size : int
        Rows of a step, at least 1. With all rows or more, every step takes the rows in their order,
        and nothing is shuffled.
    seeds : sequence of int
        One for each run.
    """

    def __init__(
        self, inputs: Array, targets: Array, batch_size: int, seeds: Sequence[int]
    ) -> None:
        self.inputs, self.targets = inputs, targets
        self.batch_size = min(batch_size, len(inputs))
        self.seeds = list(seeds)
        self._streams = {seed: stream(seed, "batches") for seed in self.seeds}
        self._buffers = Workspace(inputs.dtype)
        self._whole = inputs[np.newaxis], targets[np.newaxis]

    @property
    def steps(self) -> int:
        """Steps of an epoch; the last may be short."""
        return -(-len(self.inputs) // self.batch_size)

    @property
    def last_full(self) -> int:
        """The epoch's last step (from 0) that is not short."""
        return len(self.inputs) // self.batch_size - 1

    def epoch(self) -> Iterator[tuple[Array, Array]]:
        """Iterate over one epoch.

        Yields
        ------
        inputs : ndarray of shape (runs, batch, features), or (1, batch, features) if shared
        targets : ndarray of shape (runs, batch, outputs), or (1, batch, outputs)
            Both in buffers that the next step overwrites, the same in all steps of one size.
        """
        rows = len(self.inputs)
        if self.batch_size == rows:
            yield self._whole
            return
        # Runs with one seed share its order.
        orders = {seed: rng.permutation(rows) for seed, rng in self._streams.items()}
        order = np.stack([orders[seed] for seed in self.seeds])
        for start in range(0, rows, self.batch_size):
            taken = order[:, start : start + self.batch_size]
            yield (
                self._take("inputs", self.inputs, taken),
                self._take("targets", self.targets, taken),
            )

    def random_state(self, run: int) -> dict[str, Any]:
        """Return the state of the stream that draws a run's order, ready for JSON."""
        return dict(self._streams[self.seeds[run]].bit_generator.state)

    def restore_random_state(self, run: int, state: Mapping[str, Any]) -> None:
        """Set the stream of a run, and so of all runs with its seed, to such a state."""
        self._streams[self.seeds[run]].bit_generator.state = state

    def keep(self, runs: Sequence[int]) -> None:
        """Remove all runs but these."""
        self.seeds = [self.seeds[run] for run in runs]
        self._streams = {seed: self._streams[seed] for seed in self.seeds}
        self._buffers = Workspace(self.inputs.dtype)

    def _take(self, name: str, array: Array, rows: NDArray[np.integer]) -> Array:
        buffer = self._buffers.array(name, (*rows.shape, array.shape[1]))
        # mode="clip" writes into the buffer directly; the default checks through a copy.
        return array.take(rows, axis=0, out=buffer, mode="clip")
