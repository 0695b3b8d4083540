"""The cells of a table before their types are known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.notation import Cells
from experiments.datasets.reading.text_column import TextColumn, TextStore
from experiments.errors import DataError

_LONGEST_QUOTED: Final = 100  # characters


@dataclass(frozen=True, eq=False)
class RawTable(Mapping[str, Cells]):
    """The cells of a table by column.

    Parameters
    ----------
    path : Path
        The file.
    columns : mapping of str to TextColumn or ndarray of shape (rows,)
        The columns by name, in the order of the file. Text has no blanks around it.
    lines : ndarray of int, shape (rows,), optional
        The line of the file on which each row ends; None if the file has no lines.
    unnamed : int, optional
        The number, from 1, of a column that has no name and was left out.
    """

    path: Path
    columns: Mapping[str, Cells]
    lines: NDArray[np.uint32] | None = None
    unnamed: int | None = None

    @classmethod
    def of_columns(
        cls,
        path: Path,
        names: Sequence[str],
        columns: Sequence[Cells],
        lines: NDArray[np.uint32] | None = None,
    ) -> RawTable:
        """Make a table of columns with names as `column_name` returns them.

        Raises
        ------
        DataError
            If two columns have the same name, or none has one.
        """
        named: dict[str, Cells] = {}
        for name, column in zip(names, columns, strict=True):
            if name in named:
                raise DataError(
                    f"{path}: the header names {name!r} twice. Rename one of the columns."
                )
            if name:
                named[name] = column
        if not named:
            raise DataError(f"{path}: the header names no column. Give the columns names.")
        unnamed = names.index("") + 1 if "" in names else None
        return cls(path, named, lines, unnamed)

    def __getitem__(self, name: str) -> Cells:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def rows(self) -> int:
        """The number of rows below the header."""
        return len(next(iter(self.columns.values())))

    def where(self, row: int, column: str) -> str:
        """Describe the place of a cell for people; row 1 is the first below the header."""
        place = f"row {row + 1}"
        if self.lines is not None:
            place = f"line {self.lines[row]} ({place})"
        return f"{self.path}, {place}, column {column!r}"

    def only(self, names: tuple[str, ...]) -> RawTable:
        """Return a copy of the given columns; what the others take is free if they are dropped."""
        store = TextStore()
        kept = {name: self.columns[name] for name in names}
        columns = {
            name: cells.copy(store) if isinstance(cells, TextColumn) else cells
            for name, cells in kept.items()
        }
        return replace(self, columns=columns)

    def take(self, rows: NDArray[np.intp]) -> RawTable:
        """Return the given rows, which are in ascending order."""
        store = TextStore()
        columns = {
            name: cells.take(rows, store) if isinstance(cells, TextColumn) else cells[rows]
            for name, cells in self.columns.items()
        }
        lines = None if self.lines is None else self.lines[rows]
        return replace(self, columns=columns, lines=lines)


def column_name(name: Any) -> str:
    """Return a column's name as names are compared.

    Surrounding blanks are removed, and characters are composed (NFC): "é" may be written as one
    character or as an "e" with an accent.
    """
    return unicodedata.normalize("NFC", str(name)).strip()


def quoted(cell: Any) -> str:
    """Return a cell in quotes, for a message; of a long one the beginning."""
    try:
        text = str(cell)
    except ValueError:  # an integer of more digits than Python writes
        text = hex(cell)
    return repr(text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}...")
