"""Dates as numbers: days since 1970-01-01."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.notation import Cells, Notation

ISO: Final = "iso"
"""The name of the format of ISO 8601, such as 2024-03-01, 20240301 or 2024-03-01T12:30Z."""

FORMATS: Final = (
    ISO,
    "%Y/%m/%d",
    "%Y-%m",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %Y",
)
"""The formats of dates that are understood; a time of day may follow any of them.

A month may be written in full or by three letters, whichever the format says.
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400.0
_TIME: Final = re.compile(
    r"[ T](?P<hours>\d{1,2}):(?P<minutes>\d\d)(?::(?P<seconds>\d\d(?:\.\d+)?))?"
    r"(?: ?(?P<half>[AaPp])[Mm])?"
    r"(?: ?(?:Z|UTC|GMT|(?P<zone>[+-]\d\d:?\d\d)))?$"
)
_LIKELY: Final = re.compile(r"\d{1,4}[-/. ]|\d{8}|[A-Za-z]{3,9} \d")
"""The beginning of any date; trying all formats on every text would take long."""

_SAMPLE: Final = 1000


def days(cell: Any, form: str) -> float:
    """Read a date as days since 1970-01-01; a time of day is a fraction of a day.

    Parameters
    ----------
    cell : str, datetime.date or number
        The date. Times without a zone are those of UTC.
    form : str
        One of `FORMATS`, in which text is written.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the cell is not a date in this format.
    """
    if isinstance(cell, date):
        return _since_epoch(cell)
    return _days_of_text(str(cell).strip(), form)


def example(form: str, since_1970: float = 19803) -> str:
    """Write a date in a format; by default 2024-03-21, whose day is not a month."""
    day = (_EPOCH + timedelta(days=int(since_1970))).date()
    return day.isoformat() if form == ISO else day.strftime(form)


def formats_of(cells: Iterable[Any], notation: Notation) -> list[str]:
    """Return the formats in which most of a column's values are dates.

    Parameters
    ----------
    cells : iterable
        A column, of which a sample is read.
    notation : Notation
        The texts that mean a missing value.

    Returns
    -------
    list of str
        The formats that read the most values, if they read at least half; otherwise none. There
        are several if the values do not show which number is the day and which the month.
    """
    texts = (str(cell).strip() for cell in cells if not notation.is_missing(cell))
    sample = Counter(islice(texts, _SAMPLE))
    likely = {text: count for text, count in sample.items() if _LIKELY.match(text)}
    if 2 * sum(likely.values()) < max(sample.total(), 1):
        return []
    read = {
        form: sum(count for text, count in likely.items() if _is_date(text, form))
        for form in FORMATS
    }
    most = max(read.values())
    if 2 * most < sample.total():
        return []
    return list(dict.fromkeys(_short(form) for form, count in read.items() if count == most))


def read_dates(
    cells: Cells, form: str, notation: Notation
) -> tuple[NDArray[np.float64], int | None]:
    """Read a column as dates, as :meth:`Notation.numbers` reads one as numbers.

    Returns
    -------
    values : float64 ndarray of shape (rows,)
        Days since 1970-01-01; NaN for a missing value, and for a cell that is not a date.
    wrong : int or None
        The first row whose cell is neither a date nor missing.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        since = (cells - np.datetime64(0, "D")) / np.timedelta64(1, "D")
        return since.astype(np.float64), None
    values = np.full(len(cells), np.nan)
    wrong = None
    for row, cell in enumerate(cells):
        if notation.is_missing(cell):
            continue
        try:
            values[row] = days(cell, form)
        except ValueError:
            wrong = row if wrong is None else wrong
    return values, wrong


@lru_cache(maxsize=100_000)
def _days_of_text(text: str, form: str) -> float:
    if form == ISO:
        try:
            return _since_epoch(datetime.fromisoformat(text))
        except ValueError:
            pass  # the time may be written in another way, such as 6:30 PM
    time = _TIME.search(text)
    day = _day(text[: time.start()] if time else text, form)
    return _since_epoch(day) + (_seconds(time) / _DAY if time else 0)


def _day(text: str, form: str) -> date:
    if form == ISO:
        return date.fromisoformat(text)
    for spelling in {_short(form), form.replace("%b", "%B")}:
        try:
            return datetime.strptime(text, spelling)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a date such as {example(form)}")


def _seconds(time: re.Match[str]) -> float:
    """Return the seconds since midnight in UTC of a time of day."""
    hours, minutes, seconds = (float(time[part] or 0) for part in ("hours", "minutes", "seconds"))
    if time["half"]:
        if not 1 <= hours <= 12:
            raise ValueError(f"{time[0]!r} is no time of day")
        hours = hours % 12 + 12 * (time["half"] in "Pp")
    if not (hours < 24 and minutes < 60 and seconds < 61):
        raise ValueError(f"{time[0]!r} is no time of day")
    ahead = 0
    if zone := time["zone"]:
        ahead = int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[-2:]))
    return (hours * 60 + minutes - ahead) * 60 + seconds


def _short(form: str) -> str:
    """Return a format with months of three letters, which reads the same texts."""
    return form.replace("%B", "%b")


def _since_epoch(moment: date) -> float:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds() / _DAY


def _is_date(text: str, form: str) -> bool:
    try:
        _days_of_text(text, form)
    except ValueError:
        return False
    return True
