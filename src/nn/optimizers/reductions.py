"""Sums over a tensor or a run, one number for each run of a stack.

Each is a product of a run's own numbers, or a sum along its contiguous row, so that its bits do not
depend on the other runs.
"""

from __future__ import annotations

import math

import numpy as np

from ..gradients import global_norm
from ..typing import Array


def norm(x: Array) -> Array:
    """Return the Euclidean norm of each run's numbers, even where their squares overflow.

    Parameters
    ----------
    x : ndarray of shape (runs, ...)
        The numbers.

    Returns
    -------
    ndarray of shape (runs, 1, ...)
        The norms, with as many axes as `x`.
    """
    return _as_columns(global_norm(x.reshape(len(x), -1)), x)


def root_mean_square(x: Array) -> Array:
    """Return the root of each run's mean square, shaped like :func:`norm`."""
    return norm(x) / x.dtype.type(math.sqrt(x[0].size))


def total(x: Array) -> Array:
    """Return the sum of each run's numbers, shaped like :func:`norm`."""
    return _as_columns(x.reshape(len(x), -1).sum(axis=1), x)


def dot(x: Array, y: Array) -> Array:
    """Return the sum of each run's products of two arrays (runs, ...), shaped like :func:`norm`."""
    rows, columns = x.reshape(len(x), 1, -1), y.reshape(len(y), -1, 1)
    return _as_columns(np.matmul(rows, columns), x)


def _as_columns(numbers: Array, like: Array) -> Array:
    return numbers.reshape(len(like), *[1] * (like.ndim - 1))


def trust_ratio(weights: Array, step: Array) -> Array:
    """Return the quotient of two norms of each run, or 1 where one of them is 0."""
    defined = (weights != 0) & (step != 0)
    one = weights.dtype.type(1)
    return np.where(defined, weights / np.where(defined, step, one), one)
