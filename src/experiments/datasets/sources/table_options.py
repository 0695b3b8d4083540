"""The options that say how a table in a file is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.dates import ISO, formats_of, read_dates
from experiments.datasets.reading.encodings import check_encoding
from experiments.datasets.reading.notation import MISSING, Notation
from experiments.datasets.reading.raw_table import RawTable, quoted
from experiments.datasets.reading.table_file import (
    TableFormat,
    check_delimiter,
    read_table,
    unescaped,
)
from experiments.datasets.source import Source
from experiments.datasets.sources.paths import user_path
from experiments.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class TableOptions(Source):
    r"""Base of the sources that read a table from a file.

    Parameters
    ----------
    seed, limit
        See `Source`.
    path : str
        The file, relative to `dir`: CSV, also compressed (gzip, bzip2, xz or zip), or Parquet.
    dir : str, default "."
        A folder, relative to where the command is given.
    missing_values : sequence of str
        The texts that mean a missing value, whatever their case; an empty cell always does. An
        empty list keeps texts such as NA.
    delimiter : str, optional
        A single character, or \t for a tab; by default detected (comma, semicolon, tab or |).
    decimal : str, default "."
        The decimal mark of numbers.
    thousands : str, optional
        The character between groups of digits, as in 1,234; none by default.
    encoding : str, default "utf-8"
        The encoding of the text, as Python calls it: "latin-1", "cp1252", "utf-16".
    verify : bool, default False
        Whether to read the file even if it looks unchanged since it was cached. Two sources that
        differ in nothing else are equal.

    Raises
    ------
    ConfigError
        At construction, if a field is invalid.
    """

    path: str
    dir: str = "."
    missing_values: tuple[str | float | None, ...] = MISSING
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    verify: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.missing_values, Sequence) and not isinstance(self.missing_values, str):
            object.__setattr__(self, "missing_values", tuple(map(_text, self.missing_values)))
        object.__setattr__(self, "delimiter", unescaped(self.delimiter))
        super().__post_init__()
        where = f"dataset {type(self).__name__}"
        check_delimiter(where, self.delimiter)
        check_encoding(where, self.encoding)
        try:
            _ = self.notation
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None

    @property
    def notation(self) -> Notation:
        """How the cells write numbers and missing values."""
        return Notation(self.decimal, self.thousands, tuple(map(_text, self.missing_values)))

    def files(self) -> tuple[Path, ...]:
        """Return the table's file."""
        return (user_path(self.dir) / Path(self.path).expanduser(),)

    def read(self) -> RawTable:
        """Read the table; its cells are not interpreted."""
        (path,) = self.files()
        return read_table(path, TableFormat(self.delimiter, self.encoding))

    def date_format(self, cells: RawTable, name: str, option: str) -> str:
        """Return the format in which a column, which `option` names, writes dates."""
        column = cells[name]
        if isinstance(column, np.ndarray) and column.dtype.kind == "M":
            return ISO
        formats = formats_of(column, self.notation)
        if len(formats) == 1:
            return formats[0]
        example = quoted(next((c for c in column if not self.notation.is_missing(c)), ""))
        if not formats:
            raise DataError(
                f"{cells.path}: {option} names the column {name!r}, most of whose cells are "
                f"not dates (such as {example}). Write them as 2024-03-21, or take the column out "
                f"of {option}."
            )
        raise DataError(
            f"{cells.path}: nothing in the column {name!r} tells days from months (such as "
            f"{example}). Write dates as 2024-03-21."
        )

    def days(self, cells: RawTable, name: str, form: str) -> NDArray[np.float64]:
        """Read a column of dates as days since 1970-01-01."""
        values, wrong = read_dates(cells[name], form, self.notation)
        if wrong is not None:
            raise DataError(
                f"{cells.where(wrong, name)}: {quoted(cells[name][wrong])} is not a date as in the "
                "rest of this column. Correct it."
            )
        return values


def _text(entry: Any) -> str:
    """Return an entry of `missing_values`; YAML reads some texts as numbers or null."""
    return "null" if entry is None else str(entry)
