"""Columns of numbers in as little memory as holds them exactly."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NARROW: Final = (np.uint8, np.int16, np.float32)


class NumberColumns:
    """Columns of one matrix, in the narrowest type that holds the numbers of all of them.

    Tables of pixels and counts take an eighth of the memory of float64.

    Parameters
    ----------
    rows : int
        The number of rows.
    most : int
        The largest number of columns. Memory is taken only for those that are added.
    """

    def __init__(self, rows: int, most: int) -> None:
        self._matrix: NDArray[Any] = np.empty((most, rows), _NARROW[0])
        self._columns = 0

    def add(self, values: NDArray[np.float64]) -> None:
        """Add a column of shape (rows,), in which NaN stands for a missing value."""
        kind = np.promote_types(self._matrix.dtype, _narrowest(values))
        if kind != self._matrix.dtype:
            wider = np.empty(self._matrix.shape, kind)
            wider[: self._columns] = self._matrix[: self._columns]
            self._matrix = wider
        self._matrix[self._columns] = values
        self._columns += 1

    @property
    def matrix(self) -> NDArray[Any]:
        """The numbers, of shape (rows, columns)."""
        return self._matrix[: self._columns].T


def _narrowest(values: NDArray[np.float64]) -> np.dtype[Any]:
    """Return the narrowest type from which every value is restored to the bit."""
    if not np.any(np.signbit(values) & (values == 0)):  # integers have no negative zero
        for kind in _NARROW:
            with np.errstate(invalid="ignore", over="ignore"):
                if np.array_equal(values.astype(kind), values, equal_nan=kind is np.float32):
                    return np.dtype(kind)
    return np.dtype(np.float64)
