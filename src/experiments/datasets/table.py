"""Raw columns before encoding: numbers and text, possibly with missing values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.notation import Notation
from experiments.datasets.reading.text_column import mapped


@dataclass(frozen=True, eq=False)
class Table:
    """Raw input columns.

    Parameters
    ----------
    names : tuple of str
        Names of all columns, in order.
    numbers : ndarray of shape (rows, number columns)
        The columns that are not in `texts`, in order; any numeric type, NaN where missing.
    texts : mapping of str to ndarray of str, shape (rows,)
        The categorical columns by name, as object arrays; an empty string where missing.
    rows : ndarray of int, shape (rows,), optional
        The number of each row in its source, from 1, by which messages name it; by default
        1, 2, ...
    """

    names: tuple[str, ...]
    numbers: NDArray[Any]
    texts: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    rows: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        shape = (len(self), len(self.number_names))
        if self.numbers.shape != shape:
            raise ValueError(f"the numbers have shape {self.numbers.shape}, not {shape}")
        if any(column.shape != shape[:1] for column in self.texts.values()):
            raise ValueError(f"a text column does not have {shape[0]} rows")
        if self.rows is not None and self.rows.shape != shape[:1]:
            raise ValueError(f"there are not {shape[0]} numbers of rows")
        if len(set(self.names)) != len(self.names) or not set(self.texts) <= set(self.names):
            raise ValueError("the names of the columns do not fit the columns")

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def number_names(self) -> tuple[str, ...]:
        """The columns of `numbers`."""
        return tuple(name for name in self.names if name not in self.texts)

    def row(self, index: int) -> int:
        """Return the number of a row in its source, from 1."""
        return index + 1 if self.rows is None else int(self.rows[index])

    def take(self, rows: NDArray[np.intp]) -> Table:
        """Return the given rows, in the given order, with their numbers."""
        texts = {name: column[rows] for name, column in self.texts.items()}
        numbers = rows + 1 if self.rows is None else self.rows[rows]
        # Rows are contiguous whatever the order in memory was: sums of columns depend on it.
        return Table(self.names, self.numbers.take(rows, axis=0), texts, numbers)

    def tidied(self, notation: Notation) -> Table:
        """Return the same table with blanks around texts removed and missing texts empty."""
        texts = {name: mapped(notation.texts(cells), str) for name, cells in self.texts.items()}
        return replace(self, texts=texts)

    @staticmethod
    def of_numbers(numbers: NDArray[Any], names: Sequence[str] | None = None) -> Table:
        """Make a table without categorical columns.

        Parameters
        ----------
        numbers : ndarray of shape (rows, columns)
            The columns.
        names : sequence of str, optional
            Names of the columns; by default "x1", "x2", ...
        """
        if names is None:
            names = [f"x{position}" for position in range(1, numbers.shape[1] + 1)]
        return Table(tuple(names), numbers)
