"""The batches of a stack of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .orders import Order, Rows, Shuffled
from .randomness import stream
from .sparse_rows import SparseRows
from .table_rows import TableRows
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
    inputs : ndarray of shape (rows, *shape), SparseRows or TableRows
        The inputs of the training part; :class:`~nn.table_rows.TableRows` for each run's own.
    targets : ndarray of shape (rows, outputs), or TableRows
        The encoded targets, in the precision of the inputs.
    batch_size : int
        Number of rows in a step, at least 1. If it covers all rows, a permutation of them would
        have no effect and is not made.
    seeds : sequence of int
        The seed of each run.
    order : Order, optional
        The order of the rows; by default they are shuffled in every epoch.
    drop_last : bool, default False
        Whether an epoch ends before a last batch that would be short.
    weights : ndarray of shape (rows, 1), or TableRows, optional
        The weights of the rows, which batches then have as a third array.

    Attributes
    ----------
    rows : int
        The number of rows of a run's training part.
    steps : int
        The number of steps in an epoch.
    """

    def __init__(
        self,
        inputs: Array | SparseRows | TableRows,
        targets: Array | TableRows,
        batch_size: int,
        seeds: Sequence[int],
        *,
        order: Order | None = None,
        drop_last: bool = False,
        weights: Array | TableRows | None = None,
    ) -> None:
        arrays = (inputs, targets) if weights is None else (inputs, targets, weights)
        self._parts = [a if isinstance(a, TableRows) else TableRows(a) for a in arrays]
        self.rows = len(self._parts[0])
        self.order = order or Shuffled()
        drop_last = drop_last or self.order.carries
        self.steps = steps_per_epoch(self.rows, batch_size, drop_last=drop_last)
        self.batch_size = min(batch_size, self.rows)
        self.seeds = list(seeds)
        self._streams = {seed: stream(seed, "batches") for seed in self.seeds}
        self._replayed = None if self.order.renews else self._draw()

    @property
    def last_full(self) -> int:
        """The index of the epoch's last step of full size."""
        return self.rows // self.batch_size - 1

    def epoch(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over one epoch.

        Yields
        ------
        inputs : ndarray of shape (runs, batch, *shape), or (1, batch, *shape) if shared
            Or SparseRows.
        targets : ndarray of shape (runs, batch, outputs), or (1, batch, outputs)
        weights : ndarray of shape (runs, batch, 1), or (1, batch, 1), if there are any
            All are buffers that the next step overwrites, the same for all steps of one size.
        """
        if self.batch_size == self.rows and self.order.is_permutation:
            yield tuple(part.whole() for part in self._parts)
            return
        order = self._draw() if self._replayed is None else self._replayed
        read = [part.batches(order, self.batch_size, self.steps) for part in self._parts]
        yield from zip(*read, strict=True)

    def _draw(self) -> Rows:
        """Draw the order of an epoch: (runs, rows), or (1, rows) for all runs."""
        # Runs with the same seed see the same order.
        orders = {
            seed: self.order.draw(rng, self.rows, self.batch_size)
            for seed, rng in self._streams.items()
        }
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
        self._parts = [part.keep(runs) for part in self._parts]
