"""How the cells of a table write numbers and missing values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.text_column import SEPARATOR, TextColumn, mapped
from experiments.errors import ConfigError

MISSING: Final = ("NA", "N/A", "#N/A", "<NA>", "nan", "null", "?")
"""The texts that mean a missing value by default.

"none" is not one of them: in many tables it is a level (none, mild, severe).
"""

Cells = TextColumn | NDArray[Any]
"""One column of a table: text, or an array of numbers or of any objects."""

# A separator of thousands may be written as any character of its entry.
_SEPARATORS: Final = {" ": " \u00a0\u2009\u202f", "'": "'’"}
# What is tried, in this order, on cells that are not numbers.
_ALTERNATIVES: Final = (
    (".", None),
    (",", None),
    (".", ","),
    (",", "."),
    (".", " "),
    (",", " "),
    (".", "'"),
)
_SAMPLE: Final = 1000


@dataclass(frozen=True)
class Notation:
    """How the cells of a table write numbers and missing values.

    Parameters
    ----------
    decimal : str, default "."
        The decimal mark.
    thousands : str, optional
        The character between groups of digits; none by default. A blank also stands for
        the narrow and the non-breaking blank.
    missing : tuple of str
        The texts that mean a missing value, whatever their case; an empty cell always does. A
        number among them also means a missing value where it is written in another way (-999.0).

    Raises
    ------
    ConfigError
        If a mark is not one character, could be part of a number, or both marks are the same.
    """

    decimal: str = "."
    thousands: str | None = None
    missing: tuple[str, ...] = MISSING

    def __post_init__(self) -> None:
        for name, mark in (("decimal", self.decimal), ("thousands", self.thousands)):
            if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in '+-"_\r\n\t\0'):
                raise ConfigError(
                    f"dataset.{name} is {mark!r}. Give one character that is neither a digit, a "
                    "letter, a sign nor a quote, such as ',' or '.'."
                )
        if self.decimal == self.thousands:
            raise ConfigError(
                f"dataset.decimal and dataset.thousands are both {self.decimal!r}. Change one."
            )

    def is_missing(self, cell: Any) -> bool:
        """Whether a cell means a missing value: a text in `missing`, None, NaN or pandas' NA."""
        if isinstance(cell, str):
            return cell.strip().lower() in self._missing_texts
        if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
            return True
        return isinstance(cell, float | np.floating) and math.isnan(cell)

    def gaps(self, cells: Cells) -> NDArray[np.bool_]:
        """Return for each cell of a column whether its value is missing."""
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
            return np.isnan(self._without_markers(cells.astype(np.float64)))
        if isinstance(cells, np.ndarray):
            return np.array([self.is_missing(cell) for cell in cells], bool)
        found = np.zeros(len(cells), bool)
        start = 0
        for part in cells.parts():
            texts = list(map(str.lower, part))
            if not self._missing_texts.isdisjoint(texts):
                found[start : start + len(part)] = [text in self._missing_texts for text in texts]
            start += len(part)
        return found

    def texts(self, cells: Cells) -> NDArray[np.object_]:
        """Return a column for categories: text without surrounding blanks, "" where missing.

        A cell of another type remains what it is.
        """
        return mapped(cells, self._tidied)

    def numbers(self, cells: Cells) -> tuple[NDArray[np.float64], int | None]:
        """Read a column as numbers.

        Parameters
        ----------
        cells : TextColumn or ndarray of shape (rows,)
            Numbers, or objects; text such as " 1.5e3" is parsed.

        Returns
        -------
        values : float64 ndarray of shape (rows,)
            The numbers; NaN for a missing value, and for a cell that is not a number.
        wrong : int or None
            The first row whose cell is neither a number nor missing.
        """
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
            return self._without_markers(cells.astype(np.float64)), None
        values = np.full(len(cells), np.nan)
        wrong, start = None, 0
        for part in _parts(cells):
            rows = slice(start, start + len(part))
            try:
                values[rows] = self._plain_numbers(part)
            except (TypeError, ValueError, OverflowError):
                read = self._read_each(part)
                values[rows] = [math.nan if value is None else value for value in read]
                if wrong is None and None in read:
                    wrong = start + read.index(None)
            start += len(part)
        return self._without_markers(values), wrong

    def number(self, cell: Any) -> float:
        """Read one cell as a number; NaN if it is missing.

        Raises
        ------
        ValueError, TypeError, OverflowError
            If the cell is not a number.
        """
        if self.is_missing(cell):
            return math.nan
        if not isinstance(cell, str):
            return float(cell)
        value = float(self._with_point(cell.strip()))
        if math.isnan(value):  # such as "-nan", which is not among the missing texts
            raise ValueError(cell)
        return value

    def alternatives(self, cells: Iterable[Any]) -> list[Notation]:
        """Return the notations in which a column of text would be one of numbers.

        They read at least half of the values in a sample of the cells, and more than this one.
        Two notations are returned if they read the same: "1,234" may be a thousand or little more
        than one.
        """
        texts = (cell for cell in cells if isinstance(cell, str) and not self.is_missing(cell))
        sample = list(islice(texts, _SAMPLE))
        others = [
            Notation(decimal, thousands, self.missing) for decimal, thousands in _ALTERNATIVES
        ]
        read = {other: other._count_of_numbers(sample) for other in others}
        most = max(read.values())
        if 2 * most < len(sample) or most <= self._count_of_numbers(sample):
            return []
        fitting = [other for other, count in read.items() if count == most]
        fewest = min(map(_marks, fitting))
        return [other for other in fitting if _marks(other) == fewest]

    def settings(self, other: Notation) -> str:
        """Return the settings that turn this notation into another, as they are typed."""
        changed = []
        if other.decimal != self.decimal:
            changed.append(f"dataset.decimal={other.decimal!r}")
        if other.thousands != self.thousands:
            mark = "null" if other.thousands is None else repr(other.thousands)
            changed.append(f"dataset.thousands={mark}")
        return " ".join(changed)

    @property
    def example(self) -> str:
        """A number in this notation."""
        return f"1{self.thousands or ''}234{self.decimal}5"

    def to_plain(self) -> dict[str, Any]:
        """Return the notation as plain JSON values."""
        return {
            "decimal": self.decimal,
            "thousands": self.thousands,
            "missing": list(self.missing),
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Notation:
        """Return the notation that `to_plain` described."""
        thousands = values["thousands"]
        return cls(
            decimal=str(values["decimal"]),
            thousands=None if thousands is None else str(thousands),
            missing=tuple(map(str, values["missing"])),
        )

    @cached_property
    def _missing_texts(self) -> frozenset[str]:
        return frozenset({"", *(text.strip().lower() for text in self.missing)})

    @cached_property
    def _markers(self) -> tuple[float, ...]:
        """The numbers that mean a missing value, such as -999."""
        found = []
        for text in self.missing:
            try:
                found.append(float(self._with_point(text.strip())))
            except ValueError:
                continue
        return tuple(value for value in found if math.isfinite(value))

    @cached_property
    def _thousands_marks(self) -> str:
        """The characters that may stand between groups of digits."""
        return _SEPARATORS.get(self.thousands, self.thousands) if self.thousands else ""

    @cached_property
    def _grouped(self) -> re.Pattern[str]:
        """Groups of three digits; with commas also of two before the last three, as in India."""
        mark = f"[{re.escape(self._thousands_marks)}]"
        between = "{2,3}" if self.thousands == "," else "{3}"
        return re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{mark}\d{between})*{mark}\d{{3}}")

    def _tidied(self, cell: Any) -> Any:
        if self.is_missing(cell):
            return ""
        return cell.strip() if isinstance(cell, str) else cell

    def _read_each(self, cells: Sequence[Any]) -> list[float | None]:
        """Read cells as numbers; None stands for a cell that is not one."""
        # Texts that repeat are read once.
        texts = {text: self._read(text) for text in {c for c in cells if isinstance(c, str)}}
        return [texts[cell] if isinstance(cell, str) else self._read(cell) for cell in cells]

    def _read(self, cell: Any) -> float | None:
        try:
            return self.number(cell)
        except (TypeError, ValueError, OverflowError):
            return None

    def _count_of_numbers(self, cells: Sequence[Any]) -> int:
        return sum(value is not None for value in self._read_each(cells))

    def _without_markers(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._markers:
            values[np.isin(values, self._markers)] = np.nan
        return values

    def _plain_numbers(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """Read cells that are all numbers in text, none with groups of digits.

        It is ten times as fast as `number`, whose exceptions it raises for other cells.
        """
        text = SEPARATOR.join(cells)
        if "_" in text or any(mark in text for mark in self._thousands_marks):
            raise ValueError
        if self.decimal != ".":
            if "." in text:
                raise ValueError
            cells = text.replace(self.decimal, ".").split(SEPARATOR)
        values = np.fromiter(map(float, cells), np.float64, len(cells))
        if np.isnan(values).any():
            raise ValueError
        return values

    def _with_point(self, text: str) -> str:
        """Rewrite a number as Python writes it; ValueError if the notation does not allow it."""
        # Python parses 1_000 as a number; in a table it is more likely a code.
        if "_" in text:
            raise ValueError(text)
        text = text.replace("\u2212", "-")  # the minus sign of typesetting
        whole, mark, fraction = text.partition(self.decimal)
        if any(mark in whole for mark in self._thousands_marks):
            if not self._grouped.fullmatch(whole):
                raise ValueError(text)
            whole = re.sub(f"[{re.escape(self._thousands_marks)}]", "", whole)
        if self.decimal != "." and "." in whole + fraction:
            raise ValueError(text)
        return f"{whole}.{fraction}" if mark else whole


def _marks(notation: Notation) -> int:
    """Count the marks that differ from the plain notation."""
    return (notation.decimal != ".") + (notation.thousands is not None)


def _parts(cells: Cells) -> Iterator[Sequence[Any]]:
    if isinstance(cells, TextColumn):
        yield from cells.parts()
    else:
        yield list(cells)
