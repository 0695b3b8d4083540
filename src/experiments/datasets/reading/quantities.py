"""Quantities in text: numbers with a unit or a currency, such as 12 kg, 5% and $ 3.50."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.notation import Cells, Notation

MOST_CLASSES: Final = 20
"""Whole numbers with more distinct values than this are measurements and not classes."""

_QUANTITY: Final = re.compile(
    r"(?P<before>(?:[A-Z]{0,2}[$€£¥₹₽₩]|(?i:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|"
    r"BRL|MXN|ZAR|Rs))?)"
    r"\s*(?P<number>[+-]?\d[\d.,'’\s]*?)\s*"
    r"(?P<after>[^\d\s.,+-]\D{0,11}[23]?)?"
)
"""A number with a currency before it or a unit after it."""

_SAMPLE: Final = 1000  # cells, from the whole column, in which quantities and dates are looked for
_MOST_UNITS: Final = 3  # a column of quantities has few units; more are a part of codes such as 12b


def sample(column: Cells | Sequence[str]) -> list[str]:
    """Return the texts of some cells, spread over the whole column."""
    apart = max(1, len(column) // _SAMPLE)
    return [str(cell).strip() for cell in islice(column, 0, None, apart)]


def quantity_cure(texts: Sequence[str], notation: Notation) -> str:
    """Say how to make numbers of quantities.

    Parameters
    ----------
    texts : sequence of str
        Cells of a column.
    notation : Notation
        The notation of numbers in the cells.

    Returns
    -------
    str
        The advice, such as "take '%' out of the cells"; "" if most texts are not quantities, or if
        there are so few different ones that they may be names of classes.
    """
    found = [match for text in texts if (match := _QUANTITY.fullmatch(text))]
    units = {(match["before"], match["after"] or "") for match in found} - {("", "")}
    if not units or 2 * len(found) < len(texts) or len(units) > _MOST_UNITS:
        return ""
    digits = [match["number"] for match in found]
    others = notation.alternatives(digits)
    if not is_measured(read_numbers(others[0] if others else notation, digits)):
        return ""
    named = ", ".join(sorted({repr(mark) for unit in units for mark in unit if mark}))
    first = "write all cells in one unit and " if len(units) > 1 else ""
    then = f" and give {' or '.join(map(notation.settings, others))}" if others else ""
    return f"{first}take {named} out of the cells{then}"


def is_measured(values: NDArray[np.float64]) -> bool:
    """Whether numbers are measurements: not whole, or too many or too rare to be classes."""
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        return True
    return rarely_repeats(len(np.unique(values)), len(values))


def rarely_repeats(different: int, rows: int) -> bool:
    """Whether so many of the values differ that they cannot be classes."""
    return different > 2 and (different > MOST_CLASSES or 2 * different > rows)


def read_numbers(notation: Notation, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers among texts."""
    values, _ = notation.numbers(np.array(texts, object))
    return values[~np.isnan(values)]
