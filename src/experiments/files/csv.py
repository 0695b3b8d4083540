"""Writing CSV that every reader reads back, whatever the names in it are."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Quoting = Literal[0, 2]
"""`csv.QUOTE_MINIMAL` or `csv.QUOTE_NONNUMERIC`."""


def csv_text(table: pd.DataFrame) -> str:
    """Write a table as CSV without its index."""
    return with_quotes(
        lambda quoting: table.to_csv(index=False, lineterminator="\n", quoting=quoting)
    )


def with_quotes(write: Callable[[Quoting], str]) -> str:
    """Write CSV with as few quotes as possible.

    Before Python 3.13, the `csv` module does not quote a carriage return, at which readers end
    a line.

    Parameters
    ----------
    write : callable
        A function that writes the text with one of the module's kinds of quoting.
    """
    text = write(csv.QUOTE_MINIMAL)
    return write(csv.QUOTE_NONNUMERIC) if "\r" in text else text
