"""The batches of a stack of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .orders import Order, Rows, Shuffled
from .randomness import stream
from .speed.buffers import Workspace
from .typing import Array


def steps_per_epoch(rows: int, batch_size: int, *, drop_last: bool = False) -> int:
    """Return the number of steps in an epoch, at least 1.

    Parameters
    ----------
    rows : int
        Number of rows of the training part.
    batch_size : int
        Number of rows in a step.
    drop_last : bool, default False
        Whether an epoch ends before a last batch that would be short.
    """
    size = min(batch_size, rows)
    return rows // size if drop_last else -(-rows // size)


class Batches:
    """Batches of rows, in an order that depends only on a run's seed.

    Parameters
    ----------
    inputs : ndarray of shape (rows, *shape), or (tables, rows, *shape)
        The inputs of the training part; of several ones of one size, if runs have different data.
    targets : ndarray of shape (rows, outputs), or (tables, rows, outputs)
        The encoded targets, in the precision of the inputs.
    batch_size : int
        Number of rows in a step, at least 1. If it covers all rows, a permutation of them would
        have no effect and is not made.
    seeds : sequence of int
        The seed of each run.
    order : Order, optional
        The order of the rows; by default they are shuffled anew in each epoch.
    drop_last : bool, default False
        Whether an epoch ends before a last batch that would be short.
    tables : sequence of int, optional
        The table of each run, if there are several.

    Attributes
    ----------
    rows : int
        The number of rows of a run's training part.
    steps : int
        The number of steps in an epoch.
    """

    def __init__(
        self,
        inputs: Array,
        targets: Array,
        batch_size: int,
        seeds: Sequence[int],
        *,
        order: Order | None = None,
        drop_last: bool = False,
        tables: Sequence[int] | None = None,
    ) -> None:
        self.rows = int(inputs.shape[0 if tables is None else 1])
        # The concatenated tables, and the place of each run's first row: (runs, 1).
        sample = inputs.shape[1 if tables is None else 2 :]
        self.inputs = inputs.reshape(-1, *sample)
        self.targets = targets.reshape(-1, targets.shape[-1])
        self._first = None if tables is None else np.array(tables)[:, np.newaxis] * self.rows
        self.order = order or Shuffled()
        self.steps = steps_per_epoch(self.rows, batch_size, drop_last=drop_last)
        self.batch_size = min(batch_size, self.rows)
        self.seeds = list(seeds)
        self._streams = {seed: stream(seed, "batches") for seed in self.seeds}
        self._shared = self.inputs[np.newaxis], self.targets[np.newaxis]
        self._all: tuple[Array, Array] | None = None  # the same, of each run's own table
        self._replayed = None if self.order.renews else self._draw()
        self._buffers = Workspace(inputs.dtype)

    @property
    def last_full(self) -> int:
        """The index of the epoch's last step of full size."""
        return self.rows // self.batch_size - 1

    def epoch(self) -> Iterator[tuple[Array, Array]]:
        """Iterate over one epoch.

        Yields
        ------
        inputs : ndarray of shape (runs, batch, *shape), or (1, batch, *shape) if shared
        targets : ndarray of shape (runs, batch, outputs), or (1, batch, outputs)
            Both are buffers that the next step overwrites, the same for all steps of one size.
        """
        if self.batch_size == self.rows and self.order.is_permutation:
            yield self._whole()
            return
        order = self._draw() if self._replayed is None else self._replayed
        if self._first is not None:
            order = order + self._first
        for step in range(self.steps):
            taken = order[:, step * self.batch_size : (step + 1) * self.batch_size]
            yield (
                self._take("inputs", self.inputs, taken),
                self._take("targets", self.targets, taken),
            )

    def _whole(self) -> tuple[Array, Array]:
        """Return all rows of each run, in their order."""
        if self._first is None:
            return self._shared
        if self._all is None:
            rows = np.arange(self.rows) + self._first
            self._all = self.inputs[rows], self.targets[rows]
        return self._all

    def _draw(self) -> Rows:
        """Draw the order of an epoch: (runs, rows), or (1, rows) for all runs."""
        # Runs with the same seed see the same order.
        orders = {seed: self.order.draw(rng, self.rows) for seed, rng in self._streams.items()}
        seeds = self.seeds if self.order.depends_on_seed else self.seeds[:1]
        return np.stack([orders[seed] for seed in seeds])

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
        if self._replayed is not None and self.order.depends_on_seed:
            self._replayed = self._replayed[list(runs)]
        if self._first is not None:
            self._first = self._first[list(runs)]
            self._all = None
        self._buffers = Workspace(self.inputs.dtype)

    def _take(self, name: str, array: Array, rows: NDArray[np.integer]) -> Array:
        buffer = self._buffers.array(name, (*rows.shape, *array.shape[1:]))
        # mode="clip" writes directly into the buffer; the default makes a copy first.
        return array.take(rows, axis=0, out=buffer, mode="clip")
