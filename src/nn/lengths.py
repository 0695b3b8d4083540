"""Samples that end before their last step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .typing import Shape


def lengths_of(
    samples: NDArray[np.floating],
    shape: Shape,
    number: Callable[[int], int] = lambda row: row + 1,
) -> NDArray[np.intp]:
    """Return the number of steps of each sample.

    A sample ends at the first step, along its last axis, whose numbers are NaN.

    Parameters
    ----------
    samples : ndarray of shape (n, *shape), or (n, features)
        The samples; each may also be one row.
    shape : tuple of int
        The shape of a sample.
    number : callable, optional
        A function that returns the number by which a message names a row; by default they count
        from 1.

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    ValueError
        If a sample has no step at all, a step after its end, or lacks a part of a step; the message
        names the row and the step.
    """
    steps = shape[-1]
    missing = np.isnan(samples).reshape(len(samples), -1, steps)
    gone = missing.all(axis=1)
    lengths: NDArray[np.intp] = steps - gone.sum(axis=1)
    if (partly := missing.any(axis=1) & ~gone).any():
        row, step = np.argwhere(partly)[0].tolist()
        raise ValueError(f"row {number(row)} lacks some of the numbers of step {step + 1}")
    if (empty := lengths == 0).any():
        raise ValueError(f"row {number(int(np.argmax(empty)))} is a sequence without any step")
    if (resumed := gone[:, :-1] & ~gone[:, 1:]).any():
        row, step = np.argwhere(resumed)[0].tolist()
        raise ValueError(
            f"row {number(row)} lacks step {step + 1}, but has step {step + 2}: only steps at the "
            "end of a sequence may be missing"
        )
    return lengths
