"""Scaling of numeric columns, fitted on the training part only."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError

Scaling = Literal["standard", "minmax", "max", "none"]

# Statistics are computed in chunks: a whole image set as float64 would take too much memory.
_ROWS_AT_ONCE = 4096


def fit_scaling(
    numbers: NDArray[Any], kind: Scaling, names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the centre and the scale of each column, for ``(numbers - center) / scale``.

    Parameters
    ----------
    numbers : ndarray of shape (rows, columns)
        The training part; all values are finite.
    kind : {"standard", "minmax", "max", "none"}
        The kind of scaling.

        - "standard": each column to mean 0 and (population) standard deviation 1.
        - "minmax": each column to [0, 1].
        - "max": all columns divided by the largest absolute value of the whole table, which
          preserves their proportions. It is meant for images.
        - "none": no scaling.
    names : tuple of str
        Names of the columns, for the error message.

    Returns
    -------
    center, scale : float64 ndarrays of shape (columns,)
        The scale of a constant column is 1; with "standard" and "minmax" it is scaled to 0.

    Raises
    ------
    DataError
        If the range of a column exceeds that of float64.
    """
    columns = numbers.shape[1]
    if kind not in get_args(Scaling):
        raise ValueError(f"scaling is {kind!r}; choose one of {', '.join(get_args(Scaling))}")
    if kind == "none" or columns == 0:
        return np.zeros(columns), np.ones(columns)
    low = numbers.min(axis=0).astype(np.float64)
    high = numbers.max(axis=0).astype(np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    if kind == "max":
        return np.zeros(columns), np.full(columns, largest.max() or 1.0)
    if kind == "minmax":
        with np.errstate(over="ignore"):
            center, scale = low, high - low
    else:
        center, scale = _moments(numbers, largest)
    constant = (low == high) | (scale == 0)
    center = np.where(constant, low, center)
    scale = np.where(constant, 1.0, scale)
    if not np.isfinite(scale).all():
        name = names[int(np.flatnonzero(~np.isfinite(scale))[0])]
        raise DataError(
            f"column {name!r} spans more than a float64 can hold (about 1.8e308). "
            "Divide it by a power of ten, or choose dataset.scaling=none."
        )
    return center, scale


def _moments(
    numbers: NDArray[Any], largest: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation of each column, computed in two passes.

    Each column is first divided by a power of two near its largest value. The division is exact,
    and the squares can then neither overflow nor underflow.
    """
    unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    chunks = range(0, len(numbers), _ROWS_AT_ONCE)
    mean = np.zeros(len(unit))
    for start in chunks:
        mean += (numbers[start : start + _ROWS_AT_ONCE] / unit).sum(axis=0)
    mean /= len(numbers)
    variance = np.zeros(len(unit))
    for start in chunks:
        deviation = numbers[start : start + _ROWS_AT_ONCE] / unit - mean
        variance += np.square(deviation, out=deviation).sum(axis=0)
    return mean * unit, np.sqrt(variance / len(numbers)) * unit
