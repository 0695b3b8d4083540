"""Windows of series that follow each other in time, for training and for prediction alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.notation import Cells, Notation
from experiments.datasets.reading.raw_table import quoted
from experiments.errors import DataError


def window_names(series: Sequence[str], window: int) -> list[str]:
    """Return the columns of a window: "price t-1", "price t-0" of two steps of one series."""
    return [f"{name} t-{step}" for name in series for step in range(window)[::-1]]


def forecast_names(series: Sequence[str], horizon: int) -> tuple[str, ...]:
    """Return the columns of a forecast: "price t+1", "price t+2"."""
    return tuple(f"{name} t+{step}" for name in series for step in range(1, horizon + 1))


def windows(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return all windows of so many steps.

    Parameters
    ----------
    values : ndarray of shape (steps, series)
        The series.
    length : int
        Number of steps of a window.

    Returns
    -------
    ndarray of shape (steps - length + 1, series · length)
    """
    view = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    return view.reshape(len(view), -1)


def read_series(
    cells: Mapping[str, Cells],
    names: Sequence[str],
    notation: Notation,
    where: Callable[[int, str], str],
) -> NDArray[np.float64]:
    """Read series from the columns of a table.

    Parameters
    ----------
    cells : mapping of str to column
        The table.
    names : sequence of str
        The columns.
    notation : Notation
        The notation of their numbers.
    where : callable
        A function that describes the place of a cell by its row, from 0, and column.

    Returns
    -------
    ndarray of shape (steps, series)

    Raises
    ------
    DataError
        If a cell is missing or not a finite number.
    """
    columns = []
    for name in names:
        values, wrong = notation.numbers(cells[name])
        if wrong is not None:
            raise DataError(
                f"{where(wrong, name)}: {quoted(cells[name][wrong])} is not a number. Correct it, "
                "or leave the column out of dataset.series."
            )
        unknown = ~np.isfinite(values)
        if unknown.any():
            row = int(np.argmax(unknown))
            problem = "the value is missing" if np.isnan(values[row]) else "the value is infinite"
            raise DataError(
                f"{where(row, name)}: {problem} (as in {int(unknown.sum())} of {len(values)} "
                "steps), and a series has no gaps. Fill it in."
            )
        columns.append(values)
    return np.stack(columns, axis=1)
