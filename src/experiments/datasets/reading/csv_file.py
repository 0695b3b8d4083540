"""Reading CSV files as text, without a guess at what the cells mean."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.encodings import undecodable
from experiments.datasets.reading.opening import opened
from experiments.datasets.reading.raw_table import RawTable, column_name
from experiments.datasets.reading.text_column import TextColumn, TextStore
from experiments.errors import DataError

_DELIMITERS: Final = ",;\t|"
_LONGEST_LINE: Final = 100_000_000
_SAMPLE_LINES: Final = 20
_SAMPLE_CHARACTERS: Final = 100_000
# As many cells are Python strings at a time.
_CELLS_AT_ONCE: Final = 250_000

# What Excel writes, and reads, as a first line.
_SEP_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
# A quoted cell begins where a cell begins; the last one may be cut off by the end of the sample.
_QUOTED: Final = re.compile(r'(?<![^,;\t|\r\n]) *"(?:[^"]|"")*(?:"|\Z)')


def read_csv(path: Path, delimiter: str | None = None, encoding: str | None = None) -> RawTable:
    """Read a CSV file with a header line; compressed files are unpacked.

    Quoting follows RFC 4180, and empty lines are skipped. Cells and names lose the blanks around
    them, and names are composed (see :func:`column_name`).

    Parameters
    ----------
    path : Path
        The file.
    delimiter : str, optional
        A single character; by default what the line ``sep=`` of Excel says, or else detected:
        comma, semicolon, tab or |.
    encoding : str, optional
        The name of the encoding, as Python has it; by default UTF-8.

    Raises
    ------
    DataError
        If the file is missing, not text, empty or ragged, or its header has gaps or duplicates.
    """
    with opened(path) as stream:
        codec = codecs.lookup(encoding or "utf-8").name
        without_mark = "utf-8-sig" if codec == "utf-8" else codec
        text = io.TextIOWrapper(cast(BinaryIO, stream), without_mark, newline="")
        try:
            return _Reader(path, text, delimiter).read()
        except UnicodeError as error:
            raise undecodable(path, error, codec, lines=stream.lines, read=stream.count) from error


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path, text: TextIO, delimiter: str | None) -> None:
        self._path = path
        lines = self._lines(text)
        head = list(islice(lines, _SAMPLE_LINES))
        self._skipped = 0  # lines before those that the csv module counts
        if head:
            head[0] = head[0].removeprefix("\ufeff")
            marked = _SEP_LINE.fullmatch(head[0])
            if marked is not None:
                del head[0]
                self._skipped = 1
                delimiter = delimiter or marked[1]
        delimiter = delimiter or _likely_delimiter("".join(head)[:_SAMPLE_CHARACTERS])
        self._rows = csv.reader(
            chain(head, lines),
            delimiter=delimiter,
            skipinitialspace=delimiter != " ",
            strict=True,
        )

    def read(self) -> RawTable:
        header, _ = self._next_rows(1, 0)
        if not header:
            raise DataError(f"{self._path}: the file is empty. Give a table with a header line.")
        names = [column_name(name) for name in header[0]]
        _check_header(self._path, names)
        store = TextStore()
        columns = [TextColumn(store) for _ in names]
        lines: list[NDArray[np.uint32]] = []
        while True:
            rows, ends = self._next_rows(max(_CELLS_AT_ONCE // len(names), 1), len(names))
            if not rows:
                break
            self._check_lengths(rows, ends, len(names))
            for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
                try:
                    column.extend(list(map(str.strip, cells)))
                except ValueError:
                    raise self._nul(rows, ends) from None
            lines.append(np.array(ends, np.uint32))
        if not lines:
            raise DataError(
                f"{self._path}: there are no rows below the header. Give a table with rows."
            )
        return RawTable.of_columns(self._path, names, columns, np.concatenate(lines))

    def _lines(self, text: TextIO) -> Iterator[str]:
        """Read lines; without a limit one that does not end would fill the memory."""
        for number in count(1):
            line = text.readline(_LONGEST_LINE)
            if not line:
                return
            if len(line) >= _LONGEST_LINE:
                raise DataError(
                    f"{self._path}, line {number}: the line has more than {_LONGEST_LINE:,} "
                    "characters. Give a table with a line for each row."
                )
            yield line

    def _next_rows(self, most: int, columns: int) -> tuple[list[list[str]], list[int]]:
        """Read some rows, and the line on which each ends.

        A line of blanks is skipped, unless the table has one column.
        """
        rows: list[list[str]] = []
        ends: list[int] = []
        first = self._line + 1
        try:
            for row in self._rows:
                if len(row) > 1 or (row and (columns == 1 or row[0].strip())):
                    rows.append(row)
                    ends.append(self._line)
                    if len(rows) == most:
                        break
                first = self._line + 1
        except csv.Error as error:
            reason = str(error)
            if "unexpected end" in reason or "field limit" in reason:
                reason += ": a quote that opens a cell there may not be closed"
            raise DataError(
                f"{self._path}, line {first}: not proper CSV ({reason}). Check the quotes there."
            ) from error
        return rows, ends

    @property
    def _line(self) -> int:
        return self._rows.line_num + self._skipped

    def _check_lengths(self, rows: list[list[str]], ends: list[int], columns: int) -> None:
        for row, line in zip(rows, ends, strict=True):
            if len(row) != columns:
                raise DataError(
                    f"{self._path}, line {line}: {_counted(len(row), 'cell')}, where the header "
                    f"names {_counted(columns, 'column')}. Correct the line; a cell that holds the "
                    f"delimiter ({self._rows.dialect.delimiter!r}) needs double quotes."
                )

    def _nul(self, rows: list[list[str]], ends: list[int]) -> DataError:
        line = next(end for row, end in zip(rows, ends, strict=True) if "\0" in "".join(row))
        return DataError(
            f"{self._path}, line {line}: a cell contains a NUL character, which text cannot have. "
            "If the file is UTF-16, train with dataset.encoding=utf-16-le; otherwise remove the "
            "character."
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _likely_delimiter(sample: str) -> str:
    """Return the delimiter of a table that begins with the sample.

    Delimiters within quotes do not count. The most frequent one in the first line wins, among
    those that are equally frequent in all lines if there are any.
    """
    bare = _QUOTED.sub("quoted", sample)
    lines = [line for line in re.split(r"[\r\n]+", bare) if line.strip()]
    if not lines:
        return _DELIMITERS[0]

    def quality(delimiter: str) -> tuple[bool, int]:
        counts = {line.count(delimiter) for line in lines}
        return len(counts) == 1 and 0 not in counts, lines[0].count(delimiter)

    return max(_DELIMITERS, key=quality)


def _check_header(path: Path, names: list[str]) -> None:
    if any("\0ustar" in name for name in names):
        raise DataError(f"{path}: this is a tar archive. Unpack it first.")
    if any("\0" in name for name in names):
        raise DataError(
            f"{path}, line 1: the header contains NUL characters. If the file is UTF-16, save it "
            "as UTF-8, or train with dataset.encoding=utf-16-le or utf-16-be."
        )
    if all(map(_is_number, names)):
        raise DataError(
            f"{path}: the first line holds numbers ({', '.join(names[:4])}), not the names of the "
            "columns. Add a header line."
        )


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
