"""The area under a curve: how low a loss was throughout training, not only at its best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def area_under_curve(epochs: Sequence[float], values: Sequence[float], last: float) -> float:
    """Return the mean height of a curve from its first epoch to `last`, by the trapezoidal rule.

    Parameters
    ----------
    epochs, values : sequence of float
        The points of the curve, both of shape (epochs + 1,). The area is NaN if a value is not
        finite.
    last : float
        The epoch at which the area ends; a shorter curve is continued with its last value.

    Returns
    -------
    float
    """
    x, y = np.asarray(epochs, np.float64), np.asarray(values, np.float64)
    if not x.size or not np.isfinite(y).all():
        return math.nan
    if last > x[-1]:
        x, y = np.append(x, last), np.append(y, y[-1])
    width = float(x[-1] - x[0])
    return float(np.trapezoid(y, x)) / width if width > 0 else float(y[0])
