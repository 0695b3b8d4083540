"""The batches of a stack of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .randomness import stream
from .speed.buffers import Workspace
from .typing import Array


class Batches:
    """Shuffled batches, in an order that depends only on a run's seed.

    Parameters
    ----------
    inputs : ndarray of shape (rows, features)
        The inputs of the training part.
    targets : ndarray of shape (rows, outputs)
        The encoded targets, in the precision of the inputs.
    batch_size : int
        Number of rows in a step, at least 1. If it covers all rows, they are not shuffled.
    seeds : sequence of int
        The seed of each run.
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
        """The number of steps in an epoch; the last one may be short."""
        return -(-len(self.inputs) // self.batch_size)

    @property
    def last_full(self) -> int:
        """The index of the epoch's last full step."""
        return len(self.inputs) // self.batch_size - 1

    def epoch(self) -> Iterator[tuple[Array, Array]]:
        """Iterate over one epoch.

        Yields
        ------
        inputs : ndarray of shape (runs, batch, features), or (1, batch, features) if shared
        targets : ndarray of shape (runs, batch, outputs), or (1, batch, outputs)
            Both are buffers that the next step overwrites, the same for all steps of one size.
        """
        rows = len(self.inputs)
        if self.batch_size == rows:
            yield self._whole
            return
        # Runs with the same seed see the same order.
        orders = {seed: rng.permutation(rows) for seed, rng in self._streams.items()}
        order = np.stack([orders[seed] for seed in self.seeds])
        for start in range(0, rows, self.batch_size):
            taken = order[:, start : start + self.batch_size]
            yield (
                self._take("inputs", self.inputs, taken),
                self._take("targets", self.targets, taken),
            )

    def random_state(self, run: int) -> dict[str, Any]:
        """Return the state of a run's random stream, ready for JSON."""
        return dict(self._streams[self.seeds[run]].bit_generator.state)

    def restore_random_state(self, run: int, state: Mapping[str, Any]) -> None:
        """Restore the random stream of a run, which all runs with the same seed share."""
        self._streams[self.seeds[run]].bit_generator.state = state

    def keep(self, runs: Sequence[int]) -> None:
        """Remove all runs but these."""
        self.seeds = [self.seeds[run] for run in runs]
        self._streams = {seed: self._streams[seed] for seed in self.seeds}
        self._buffers = Workspace(self.inputs.dtype)

    def _take(self, name: str, array: Array, rows: NDArray[np.integer]) -> Array:
        buffer = self._buffers.array(name, (*rows.shape, array.shape[1]))
        # mode="clip" writes directly into the buffer; the default makes a copy first.
        return array.take(rows, axis=0, out=buffer, mode="clip")
