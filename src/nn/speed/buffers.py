"""Arrays that are allocated once, next to each other, on large memory pages.

A processor's TLB caches the addresses of one or two thousand memory pages. Pages are 4 KiB unless
a program asks for large ones of 2 MiB, and a matrix product reads across rows that are several
small pages apart. Small pages are also scattered in physical memory, so that arrays which together
fit into a cache may still evict each other. NumPy asks for large pages when it allocates 4 MiB or
more; :class:`Memory` allocates that much and divides it among the arrays of a stack. If the system
has no large pages left, the arrays lie on small ones, and a training step takes up to 4% longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..typing import Array
from . import is_on

_PAGE = 1 << 21
"""Size of a large page in bytes, on most machines."""

_PAGES_FROM = 1 << 22
"""Smallest allocation, in bytes, for which NumPy asks the system for large pages."""

_LINE = 64
"""Size of a cache line in bytes."""

_SMALL = 1 << 15
"""Smallest array, in bytes, for which a place on a large page pays."""


class Memory:
    """Allocates arrays next to each other on large memory pages.

    The memory lasts as long as any of its arrays.

    Parameters
    ----------
    dtype : dtype
        Precision of the arrays.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._rest: NDArray[np.uint8] = np.empty(0, np.uint8)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Allocate an array of zeros."""
        size = math.prod(shape) * self.dtype.itemsize
        if size < _SMALL or not is_on("pages"):
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
    """Buffers that are allocated once: the same key and shape give the same array.

    Arrays of one key and several shapes, as for batches of several sizes, share their memory. So
    their contents last until an array of the same key is asked for in another shape.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__(dtype)
        self._memory: dict[object, Array] = {}
        self._arrays: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._transposed: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._ones: dict[int, Array] = {}

    def array(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return the buffer of this key and shape, with its last contents."""
        buffer = self._arrays.get((key, shape))
        if buffer is None:
            buffer = self._arrays[key, shape] = self._shared(key, shape)
        return buffer

    def _shared(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return an array at the start of the memory of a key, which grows as needed."""
        size = math.prod(shape)
        memory = self._memory.get(key)
        if memory is None or memory.size < size:
            memory = self._memory[key] = self.zeros((size,))
        return memory[:size].reshape(shape)

    def transposed(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return a buffer whose last but one axis is contiguous, instead of its last.

        NumPy's inner loop runs over the contiguous axis, which is slow for rows of ten numbers;
        here it runs over columns of a hundred.
        """
        buffer = self._transposed.get((key, shape))
        if buffer is None:
            *first, rows, columns = shape
            memory = self._shared(("transposed", key), (*first, columns, rows))
            buffer = memory.swapaxes(-1, -2)
            self._transposed[key, shape] = buffer
        return buffer

    def ones(self, count: int) -> Array:
        """Return a row of ones, (1, count): the product with it sums over a batch."""
        buffer = self._ones.get(count)
        if buffer is None:
            buffer = self._ones[count] = np.ones((1, count), self.dtype)
        return buffer


def is_transposed(array: Array) -> bool:
    """Tell whether the last axis of an array is not contiguous."""
    return array.strides[-1] != array.itemsize


def _pages(size: int) -> NDArray[np.uint8]:
    """Allocate at least `size` bytes of zeros, beginning at a large page and in whole pages."""
    size = -(-size // _PAGE) * _PAGE
    memory = np.zeros(max(size + _PAGE, _PAGES_FROM), np.uint8)
    start = -memory.ctypes.data % _PAGE
    return memory[start : start + size]
