"""Rows that store only some of their entries; the others are zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .typing import Array, Shape

Places = NDArray[np.integer]


class SparseMatrix(Protocol):
    """A matrix of compressed sparse rows (CSR), such as `scipy.sparse.csr_array`.

    Row i has ``data[indptr[i]:indptr[i + 1]]`` in the columns ``indices[indptr[i]:indptr[i + 1]]``.
    Entries of one place are added up.
    """

    data: NDArray[Any]
    indices: NDArray[Any]
    indptr: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows and of columns."""


def is_sparse(x: object) -> TypeGuard[SparseMatrix]:
    """Whether `x` has the parts of a sparse matrix."""
    return hasattr(x, "indptr")


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of a sparse matrix, for a stack of runs.

    Runs, and batches, refer to rows of one matrix, whose entries are never copied.

    Parameters
    ----------
    data : ndarray of shape (entries,)
        The entries of the matrix, those of a row next to each other.
    indices : ndarray of int32, shape (entries,)
        The column of each entry.
    starts, stops : ndarray of int64, shape (runs, rows), or (1, rows) if all runs share them
        The place of each row's first entry, and of the one behind its last.
    columns : int
        The number of columns.
    """

    data: Array
    indices: NDArray[np.int32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    columns: int

    def __post_init__(self) -> None:
        # Compiled loops go through neighbours in memory.
        if self.starts.strides != self.stops.strides or self.starts.strides[-1] != 8:
            for name in ("starts", "stops"):
                object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name)))

    @classmethod
    def of(cls, matrix: SparseMatrix, dtype: DTypeLike) -> SparseRows:
        """Return the rows of a matrix, (1, rows, columns), with entries in a precision.

        Raises
        ------
        ValueError
            If it has other parts than a matrix of compressed sparse rows must have.
        """
        rows, columns = matrix.shape if len(matrix.shape) == 2 else (-1, -1)
        data, indices, indptr = map(np.asarray, (matrix.data, matrix.indices, matrix.indptr))
        kind = getattr(matrix, "format", "csr")
        if kind != "csr" or indptr.shape != (rows + 1,) or data.ndim != 1:
            raise ValueError(
                f"a sparse matrix must consist of compressed rows (CSR), but is {kind} of shape "
                f"{tuple(matrix.shape)}; SciPy makes it so by x.tocsr()"
            )
        ends = (indptr[0], indptr[-1]) if len(indptr) else (-1, -1)
        if ends[0] != 0 or (np.diff(indptr) < 0).any() or ends[1] > min(len(data), len(indices)):
            raise ValueError("indptr of a sparse matrix does not rise from 0 to its last entry")
        used = indices[: ends[1]]
        if used.size and not 0 <= used.min() <= used.max() < columns:
            raise ValueError(f"an index of a sparse matrix is not below its {columns} columns")
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            entries = np.ascontiguousarray(data, dtype)
        pointers = np.ascontiguousarray(indptr, np.int64)[np.newaxis]
        return cls(
            entries,
            np.ascontiguousarray(indices, np.int32),
            pointers[:, :-1],
            pointers[:, 1:],
            int(columns),
        )

    @property
    def shape(self) -> Shape:
        """The shape of the dense array of these rows: (runs or 1, rows, columns)."""
        return *self.starts.shape, self.columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the entries."""
        return self.data.dtype

    def astype(self, dtype: DTypeLike) -> SparseRows:
        """Return the rows with entries in a precision; themselves if they have it."""
        if self.dtype == dtype:
            return self
        with np.errstate(over="ignore"):
            return replace(self, data=self.data.astype(dtype))

    def block(self, rows: slice) -> SparseRows:
        """Return adjacent rows of each run."""
        return replace(self, starts=self.starts[:, rows], stops=self.stops[:, rows])

    def run(self, run: int) -> SparseRows:
        """Return the rows of one run, (1, rows, columns)."""
        own = slice(run, run + 1)
        return replace(self, starts=self.starts[own], stops=self.stops[own])

    def select(self, places: Places) -> SparseRows:
        """Return the rows of each run at some places, (count,)."""
        return replace(self, starts=self.starts[:, places], stops=self.stops[:, places])

    @staticmethod
    def joined(parts: Sequence[SparseRows]) -> SparseRows:
        """Join the rows, (1, rows, columns), of several matrices with the same columns."""
        offsets = np.cumsum([0, *(len(part.data) for part in parts)])
        moved = list(zip(parts, offsets, strict=False))
        return SparseRows(
            np.concatenate([part.data for part in parts]),
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.starts + offset for part, offset in moved], axis=1),
            np.concatenate([part.stops + offset for part, offset in moved], axis=1),
            parts[0].columns,
        )

    def empty(self, runs: int, rows: int) -> SparseRows:
        """Return so many empty rows for so many runs, to be filled by :meth:`take`."""
        starts, stops = np.zeros((2, runs, rows), np.int64)
        return replace(self, starts=starts, stops=stops)

    def take(self, places: Places, out: SparseRows) -> SparseRows:
        """Set `out`, made by :meth:`empty`, to the rows of the matrix at these places."""
        np.take(self.starts[0], places, out=out.starts, mode="clip")
        np.take(self.stops[0], places, out=out.stops, mode="clip")
        return out

    def dense(self) -> Array:
        """Return a dense array of the rows, (runs or 1, rows, columns)."""
        array = np.zeros(self.shape, self.dtype)
        for run, (starts, stops) in enumerate(zip(self.starts, self.stops, strict=True)):
            rows, entries = self.entries(starts, stops)
            np.add.at(array[run], (rows, self.indices[entries]), self.data[entries])
        return array

    @staticmethod
    def entries(starts: Places, stops: Places) -> tuple[Places, Places]:
        """Return the row of each entry of some rows, and its place in the matrix, in order."""
        lengths = stops - starts
        rows = np.repeat(np.arange(len(lengths)), lengths)
        offsets = starts - (np.cumsum(lengths) - lengths)
        return rows, np.arange(len(rows)) + offsets[rows]
