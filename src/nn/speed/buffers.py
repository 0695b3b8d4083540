"""Where the arrays of a stack are in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..typing import Array

_PAGE = 1 << 21
"""Bytes of a large page of memory, on most machines."""

_PAGES_FROM = 1 << 22
"""Bytes from which NumPy asks the system for large pages."""

_LINE = 64
"""Bytes that a processor takes from memory at once."""

_SMALL = 1 << 15
"""Bytes of arrays that are not worth a large page."""


class Memory:
    """Allocates arrays next to each other, on large pages of memory.

    A product goes across rows that are small pages apart, of which a processor finds few at once;
    and small pages are anywhere, so that some take each other's place in a cache that all would
    fit. The memory lasts as long as any of its arrays.

    Parameters
    ----------
    dtype : dtype
        Of the arrays.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._rest: NDArray[np.uint8] = np.empty(0, np.uint8)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Allocate an array of zeros."""
        size = math.prod(shape) * self.dtype.itemsize
        if size < _SMALL:
            return np.zeros(shape, self.dtype)
        if size > len(self._rest):
            self._rest = _pages(size)
        array = self._rest[:size].view(self.dtype).reshape(shape)
        self._rest = self._rest[-(-size // _LINE) * _LINE :]
        return array

    def rows(self, array: Array, rows: Sequence[int]) -> Array:
        """Copy rows of an array."""
        copy = self.zeros((len(rows), *array.shape[1:]))
        for new, old in enumerate(rows):
            copy[new] = array[old]
        return copy


class Workspace(Memory):
    """Buffers that are allocated once: the same key and shape give the same memory."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__(dtype)
        self._arrays: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._turned: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._ones: dict[int, Array] = {}

    def array(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return the buffer of this key and shape; its content is whatever was left there."""
        found = self._arrays.get((key, shape))
        if found is None:
            found = self._arrays[key, shape] = self.zeros(shape)
        return found

    def turned(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return a buffer in which the last but one axis is next to each other in memory.

        NumPy goes through rows of ten numbers one by one, through columns of a hundred at once.
        """
        found = self._turned.get((key, shape))
        if found is None:
            *first, rows, columns = shape
            found = self.zeros((*first, columns, rows)).swapaxes(-1, -2)
            self._turned[key, shape] = found
        return found

    def ones(self, count: int) -> Array:
        """Return a row of ones: the product with it sums over a batch."""
        found = self._ones.get(count)
        if found is None:
            found = self._ones[count] = np.ones((1, count), self.dtype)
        return found


def is_turned(array: Array) -> bool:
    """Tell whether the last axis is apart in memory."""
    return array.strides[-1] != array.itemsize


def _pages(size: int) -> NDArray[np.uint8]:
    """Allocate so many bytes, or more: whole large pages, filled with zeros."""
    size = -(-size // _PAGE) * _PAGE
    memory = np.zeros(max(size + _PAGE, _PAGES_FROM), np.uint8)
    start = -memory.ctypes.data % _PAGE
    return memory[start : start + size]
