"""A column of text that takes hardly more memory than in its file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

R = TypeVar("R")

SEPARATOR: Final = "\0"
"""The character between the cells of a pack, which no cell contains."""

# Larger than any block that the C library keeps for itself when it is freed.
_BLOCK: Final = 64 * 2**20


class TextStore:
    """Text in large blocks of memory.

    The system gets a large block back when its text is dropped, and not what many small strings
    took. A block takes memory only as far as it is filled.
    """

    def __init__(self) -> None:
        self._block = np.empty(0, np.uint8)
        self._used = 0

    def put(self, text: str) -> NDArray[np.uint8]:
        """Store text; return its bytes, which `stored_text` reads."""
        content = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
        if self._used + len(content) > len(self._block):
            self._block = np.empty(max(_BLOCK, len(content)), np.uint8)
            self._used = 0
        stored = self._block[self._used : self._used + len(content)]
        stored[:] = content
        self._used += len(content)
        return stored


def stored_text(content: NDArray[np.uint8]) -> str:
    """Return text that `TextStore.put` stored."""
    return content.tobytes().decode("utf-8", "surrogatepass")


class TextColumn:
    """The cells of a column as text, packed: a Python string for each cell takes ten times as much.

    A pack is the text of consecutive cells, joined by `SEPARATOR`.

    Parameters
    ----------
    store : TextStore
        The store of the text of all columns of a table.
    """

    def __init__(self, store: TextStore) -> None:
        self._store = store
        self._packs: list[NDArray[np.uint8]] = []
        self._starts = [0]

    def extend(self, cells: Sequence[str]) -> None:
        """Append cells as one pack.

        Raises
        ------
        ValueError
            If a cell contains `SEPARATOR`.
        """
        pack = SEPARATOR.join(cells)
        if pack.count(SEPARATOR) > max(len(cells) - 1, 0):
            raise ValueError("a cell contains a NUL character")
        if cells:
            self._packs.append(self._store.put(pack))
            self._starts.append(len(self) + len(cells))

    def parts(self) -> Iterator[list[str]]:
        """Unpack the column, a pack at a time."""
        for pack in self._packs:
            yield stored_text(pack).split(SEPARATOR)

    def copy(self, store: TextStore) -> TextColumn:
        """Return a copy that is kept in a store."""
        copied = TextColumn(store)
        for part in self.parts():
            copied.extend(part)
        return copied

    def take(self, rows: NDArray[np.intp], store: TextStore) -> TextColumn:
        """Return the cells of the given rows, which are in ascending order, kept in a store."""
        taken = TextColumn(store)
        wanted = np.split(rows, np.searchsorted(rows, self._starts))[1:]  # none are below 0
        for start, part, chosen in zip(self._starts, self.parts(), wanted, strict=False):
            taken.extend([part[row] for row in (chosen - start).tolist()])
        return taken

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: int) -> str:
        pack = bisect_right(self._starts, row) - 1
        return stored_text(self._packs[pack]).split(SEPARATOR)[row - self._starts[pack]]

    def __iter__(self) -> Iterator[str]:
        for part in self.parts():
            yield from part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.object_]:
        return mapped(self, str)


class Results(dict[str, R]):
    """The results of a function by its argument, computed when they are looked up first.

    Parameters
    ----------
    function : callable
        The function.
    """

    def __init__(self, function: Callable[[str], R]) -> None:
        self._function = function

    def __missing__(self, argument: str) -> R:
        self[argument] = result = self._function(argument)
        return result


def mapped(cells: TextColumn | NDArray[Any], function: Callable[[Any], Any]) -> NDArray[np.object_]:
    """Apply a function to each cell of a column.

    It is called once for equal texts, which then share one result.
    """
    results = Results(function)
    each = (results[cell] if isinstance(cell, str) else function(cell) for cell in cells)
    return np.fromiter(each, object, len(cells))
