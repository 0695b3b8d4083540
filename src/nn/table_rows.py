"""The rows that the runs of a stack read from one table, each run its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .sparse_rows import SparseRows
from .speed.buffers import Workspace
from .typing import Array

Places = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Scaling:
    """Fills in missing values and scales the others: ``(value - center) / scale``.

    Every value is computed elementwise, so that a row has the same bits whichever rows are scaled
    together with it.

    Parameters
    ----------
    center, scale : ndarray of shape (columns,), or (splits, 1, columns) for several splits
        The statistics, in the precision of the arithmetic.
    fill : ndarray of the same shape, optional
        The replacement for NaN; by default nothing is replaced.
    """

    center: Array
    scale: Array
    fill: Array | None = None

    @cached_property
    def _moves(self) -> bool:
        return bool(self.center.any())

    @cached_property
    def _divides(self) -> bool:
        return bool((self.scale != 1).any())

    def apply(self, values: Array) -> None:
        """Fill and scale `values`, of the precision of the statistics, in place."""
        if self.fill is not None:
            np.copyto(values, self.fill, where=np.isnan(values))
        if self._moves:
            values -= self.center
        if self._divides:
            values /= self.scale

    def scaled(self, values: NDArray[Any]) -> Array:
        """Return a filled and scaled copy of `values`, in the precision of the statistics."""
        with np.errstate(over="ignore", invalid="ignore"):
            copy: Array = np.array(values, self.scale.dtype, order="C")
            self.apply(copy)
        return copy

    def of(self, splits: Sequence[int]) -> Scaling:
        """Return the statistics of these splits, one for each run."""
        fill = None if self.fill is None else self.fill[list(splits)]
        return Scaling(self.center[list(splits)], self.scale[list(splits)], fill)

    def equals(self, other: Scaling) -> bool:
        """Whether both compute the same."""
        if (self.fill is None) != (other.fill is None):
            return False
        fills = self.fill is None or np.array_equal(self.fill, other.fill, equal_nan=True)  # type: ignore[arg-type]
        return bool(
            fills
            and np.array_equal(self.center, other.center)
            and np.array_equal(self.scale, other.scale)
        )

    @staticmethod
    def stack(each: Sequence[Scaling]) -> Scaling:
        """Join the statistics of several splits, all with fills or all without."""
        center, scale = (
            np.stack([getattr(one, name) for one in each])[:, np.newaxis]
            for name in ("center", "scale")
        )
        fills = [one.fill for one in each if one.fill is not None]
        return Scaling(center, scale, np.stack(fills)[:, np.newaxis] if fills else None)


class TableRows:
    """Rows of a table, which they share.

    Without `chosen`, all runs read all rows of the table. Otherwise there are several splits: a run
    reads the rows of its split and scales them by the statistics of that split as they are read, so
    that memory holds one table, whatever the number of splits.

    Parameters
    ----------
    table : ndarray of shape (all rows, columns), or (all rows, *shape) without scaling
        The table, which is not changed; or SparseRows, (1, all rows, columns), without scaling.
    chosen : ndarray of int, shape (splits, rows), optional
        The place in the table of each row of each split.
    scaling : Scaling, optional
        The statistics of each split, with a leading axis of splits; by default rows are read
        unchanged.
    dtype : dtype, optional
        Precision of the rows that are read; by default that of the table.
    splits : sequence of int, optional
        The split of each run; by default run i has split i.
    """

    def __init__(
        self,
        table: NDArray[Any] | SparseRows,
        chosen: Places | None = None,
        scaling: Scaling | None = None,
        dtype: DTypeLike | None = None,
        splits: Sequence[int] | None = None,
    ) -> None:
        self.table, self.chosen, self.scaling = table, chosen, scaling
        self.dtype: np.dtype[Any] = np.dtype(table.dtype if dtype is None else dtype)
        if splits is None:
            splits = range(0 if chosen is None else len(chosen))
        self.splits = list(splits)
        self._own = scaling.of(self.splits) if scaling is not None else None
        self._copies = scaling is None and self.dtype == table.dtype  # rows are read as they are
        self._whole: Any = None
        self._sparse: dict[tuple[int, ...], SparseRows] = {}
        self._buffers = Workspace(self.dtype)
        self._raw = Workspace(table.dtype)
        self._arithmetic = Workspace(self.dtype if scaling is None else scaling.scale.dtype)

    def __len__(self) -> int:
        if self.chosen is not None:
            return int(self.chosen.shape[1])
        return self.table.shape[1] if isinstance(self.table, SparseRows) else len(self.table)

    @property
    def columns(self) -> int:
        """The number of columns."""
        return int(self.table.shape[-1])

    def of(self, splits: Sequence[int]) -> TableRows:
        """Return the same rows for runs with these splits."""
        return TableRows(self.table, self.chosen, self.scaling, self.dtype, splits)

    def mapped(self, change: Callable[[Array], Array]) -> TableRows:
        """Return the rows of the table that `change`, which works row by row, makes of this one."""
        assert isinstance(self.table, np.ndarray)
        table = change(self.table).astype(self.dtype, copy=False)
        return TableRows(table, self.chosen, self.scaling, self.dtype, self.splits)

    def keep(self, runs: Sequence[int]) -> TableRows:
        """Return the same rows for these runs alone."""
        return self.of([self.splits[run] for run in runs] if self.splits else ())

    def places(self, rows: Places) -> Places:
        """Return the places in the table of rows of each run.

        Parameters
        ----------
        rows : ndarray of int, shape (runs, count), or (1, count) if they are the same for all runs
            Row numbers of each run's split.

        Returns
        -------
        ndarray of int, shape (runs, count), or (1, count) if all runs read the same
        """
        if self.chosen is None:
            return rows
        places: Places = self.chosen[np.array(self.splits)[:, np.newaxis], rows]
        return places

    def take(self, places: Places) -> Any:
        """Read the rows at these places of the table.

        Parameters
        ----------
        places : ndarray of int, shape (runs or 1, count)
            A result of :meth:`places`, or some columns of it.

        Returns
        -------
        ndarray of shape (runs or 1, count, columns), or (runs or 1, count, *shape), or SparseRows
            A buffer that the next call for as many rows overwrites.
        """
        if isinstance(self.table, SparseRows):
            buffer = self._sparse.get(places.shape)
            if buffer is None:
                buffer = self._sparse[places.shape] = self.table.empty(*places.shape)
            return self.table.take(places, buffer)
        return self._take(self.table, places)

    def _take(self, table: NDArray[Any], places: Places) -> Array:
        shape = places.shape + table.shape[1:]
        buffer = self._buffers.array("rows", shape)
        if self._copies:  # mode="clip" writes directly into the buffer; the default copies first
            return table.take(places, 0, buffer, "clip")
        values = buffer
        if self._arithmetic.dtype != self.dtype:
            values = self._arithmetic.array("values", shape)
        raw = values
        if table.dtype != values.dtype:
            raw = self._raw.array("raw", shape)
        table.take(places, 0, raw, "clip")
        if raw is not values:
            np.copyto(values, raw)
        # What overflows ends the run as diverged, as it does in data that were scaled before.
        with np.errstate(over="ignore", invalid="ignore"):
            if self._own is not None:
                self._own.apply(values)
            if values is not buffer:
                np.copyto(buffer, values, casting="same_kind")
        return buffer

    def batches(self, rows: Places, size: int, steps: int) -> Iterator[Any]:
        """Read the first rows of an order in `steps` batches, of `size` rows but for the last.

        Parameters
        ----------
        rows, size, steps
            The order, as in :meth:`places`, and the batches.

        Yields
        ------
        ndarray or SparseRows
            See :meth:`take`.
        """
        places = self.places(rows)
        for start in range(0, steps * size, size):
            yield self.take(places[:, start : start + size])

    def block(self, rows: slice) -> Any:
        """Read some rows of each run, of the shape of :meth:`take`."""
        if self.chosen is None and self._copies:
            if isinstance(self.table, SparseRows):
                return self.table.block(rows)
            return self.table[np.newaxis, rows]
        places = np.arange(rows.start, rows.stop, rows.step)
        return self.take(self.places(places[np.newaxis]))

    def whole(self) -> Any:
        """Read all rows of each run, in one array that stays the same."""
        if self._whole is None:
            self._whole = self.block(slice(0, len(self)))
        return self._whole
