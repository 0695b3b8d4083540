"""Where parameters live: one contiguous ``(runs, size)`` array, layers hold views into it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Parameter:
    """One named array of a layer.

    Parameters
    ----------
    name : str
        Unique in the network, such as ``"dense1/weights"``.
    shape : tuple of int
        Without the run axis.
    decays : bool
        Whether weight decay acts on it: true for weights, false for biases and gains.
    """

    name: str
    shape: tuple[int, ...]
    decays: bool = False

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape))


class Layout:
    """The order of a network's parameters in one flat array.

    Parameters that decay come first, so that weight decay and penalties act on one slice.

    Parameters
    ----------
    parameters : iterable of Parameter

    Attributes
    ----------
    size : int
        Length of one run's flat array.
    decayed : int
        How many of its leading entries decay.
    slices : dict of str to slice
        Where each parameter is.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.parameters = sorted(parameters, key=lambda p: not p.decays)  # stable
        self.slices: dict[str, slice] = {}
        start = 0
        for parameter in self.parameters:
            self.slices[parameter.name] = slice(start, start + parameter.size)
            start += parameter.size
        self.size = start
        self.decayed = sum(p.size for p in self.parameters if p.decays)

    def views(self, flat: Array) -> dict[str, Array]:
        """Return views of each parameter, (runs, *shape), into the flat array (runs, size)."""
        runs = len(flat)
        return {
            p.name: flat[:, self.slices[p.name]].reshape(runs, *p.shape) for p in self.parameters
        }

    def fill(self, flat: Array, values: Mapping[str, Array]) -> None:
        """Copy named arrays, (*shape) or (runs, *shape), into the flat array.

        Raises
        ------
        ValueError
            If an array is missing or has another shape; then nothing is copied.
        """
        self.check(values, len(flat))
        for name, view in self.views(flat).items():
            view[...] = values[name]

    def check(self, values: Mapping[str, Array], runs: int) -> None:
        """Raise what :meth:`fill` would raise for an array of so many runs."""
        for p in self.parameters:
            if p.name not in values:
                raise ValueError(f"the weights lack {p.name!r}")
            shape = np.shape(values[p.name])
            if shape not in (p.shape, (runs, *p.shape)):
                raise ValueError(f"{p.name!r} has shape {shape}, not {p.shape}")


_LARGE_PAGE = 1 << 21
"""Bytes of a large page of memory, on most machines."""

_PAGES_FROM = 1 << 22
"""Bytes from which NumPy asks the system for large pages."""


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Allocate zeros, from the beginning of a large page where there are many.

    A product goes across rows that are pages apart, of which a processor finds few at once.
    """
    size = math.prod(shape)
    if size * dtype.itemsize < _PAGES_FROM:
        return np.zeros(shape, dtype)
    page = _LARGE_PAGE // dtype.itemsize
    memory = np.zeros(size + 2 * page, dtype)  # to the end of the last page, too
    start = -memory.ctypes.data % _LARGE_PAGE // dtype.itemsize
    return memory[start : start + size].reshape(shape)


def rows_of(array: Array, rows: Sequence[int]) -> Array:
    """Copy rows of an array, allocated as :func:`zeros` does."""
    copy = zeros((len(rows), *array.shape[1:]), array.dtype)
    for new, old in enumerate(rows):
        copy[new] = array[old]
    return copy


class Workspace:
    """Buffers that are allocated once: the same key and shape give the same memory."""

    def __init__(self, dtype: np.dtype[np.floating]) -> None:
        self.dtype = dtype
        self._arrays: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._turned: dict[tuple[object, tuple[int, ...]], Array] = {}
        self._ones: dict[int, Array] = {}

    def array(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return the buffer of this key and shape; its content is whatever was left there."""
        found = self._arrays.get((key, shape))
        if found is None:
            found = self._arrays[key, shape] = np.empty(shape, self.dtype)
        return found

    def turned(self, key: object, shape: tuple[int, ...]) -> Array:
        """Return a buffer in which the last but one axis is next to each other in memory.

        NumPy goes through rows of ten numbers one by one, through columns of a hundred at once.
        """
        found = self._turned.get((key, shape))
        if found is None:
            *first, rows, columns = shape
            found = np.empty((*first, columns, rows), self.dtype).swapaxes(-1, -2)
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
