"""Scaling of numeric columns, fitted on the training part only."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError

Scaling = Literal["standard", "channel", "minmax", "max", "none"]

# Statistics are computed in chunks: a whole image set as float64 would take too much memory.
_ROWS_AT_ONCE = 4096


def fit_scaling(
    numbers: NDArray[Any], kind: Scaling, names: tuple[str, ...], channels: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the centre and the scale of each column, for ``(numbers - center) / scale``.

    Parameters
    ----------
    numbers : ndarray of shape (rows, columns)
        The training part; all values are finite.
    kind : {"standard", "channel", "minmax", "max", "none"}
        The kind of scaling.

        - "standard": each column to mean 0 and (population) standard deviation 1.
        - "channel": all columns of a channel together to mean 0 and standard deviation 1, as
          is usual for images.
        - "minmax": each column to [0, 1].
        - "max": all columns divided by the largest absolute value of the whole table, which
          preserves their proportions. It is meant for images.
        - "none": no scaling.
    names : tuple of str
        Names of the columns, for the error message.
    channels : int, optional
        The number of channels, each as many adjacent columns, if rows are images or sequences.

    Returns
    -------
    center, scale : float64 ndarrays of shape (columns,)
        The scale of a constant column is 1; with "standard" and "minmax" it is scaled to 0,
        and so is a constant channel with "channel".

    Raises
    ------
    DataError
        If the range of a column exceeds that of float64, or there are no channels to scale.
    """
    columns = numbers.shape[1]
    if kind not in get_args(Scaling):
        raise ValueError(f"scaling is {kind!r}; choose one of {', '.join(get_args(Scaling))}")
    if kind == "channel" and channels is None:
        raise DataError(
            "dataset.scaling=channel is for images and sequences, and this dataset has single "
            "columns. Choose standard."
        )
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
    if kind == "channel":
        low, high, center, scale = _by_channel(channels or 1, low, high, center, scale)
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


def _by_channel(
    channels: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """Give each column the extremes and the moments of its channel."""
    places = len(mean) // channels
    low, high, mean, deviation = (a.reshape(channels, -1) for a in (low, high, mean, deviation))
    center = mean.mean(axis=1, keepdims=True)
    with np.errstate(over="ignore"):  # an infinite scale is refused
        within_and_between = np.square(deviation) + np.square(mean - center)
    scale = np.sqrt(within_and_between.mean(axis=1, keepdims=True))
    joined = low.min(axis=1, keepdims=True), high.max(axis=1, keepdims=True), center, scale
    return [np.repeat(array.ravel(), places) for array in joined]
