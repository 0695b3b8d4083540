"""Holm's correction: many tests, and a chance of at most 1 in 20 of any false rejection.

Reference: Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple testing; compare the results with the familywise level.

    The smallest of *m* p-values is multiplied by *m*, the next by *m - 1*, and so on; each is at
    least the one before it and at most 1.

    Examples
    --------
    >>> adjusted([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, np.float64)
    order = np.argsort(raw, kind="stable")
    steps = np.minimum(raw[order] * np.arange(raw.size, 0, -1), 1.0)
    result = np.empty_like(raw)
    result[order] = np.maximum.accumulate(steps) if raw.size else steps
    return [float(value) for value in result]


def levels(p_values: Sequence[float], alpha: float = 0.05) -> list[float]:
    """Return the level at which Holm's procedure tests each hypothesis.

    The hypothesis with the smallest p-value is tested at *α/m*, the next at *α/(m - 1)*, and so
    on until one is not rejected; all that follow have the level of that one. An interval with a
    coverage of one minus this level excludes zero exactly if the hypothesis is rejected.
    """
    raw = np.asarray(p_values, np.float64)
    tested = [0.0] * raw.size
    step = 0
    for index in np.argsort(raw, kind="stable"):
        tested[index] = alpha / (raw.size - step)
        if raw[index] <= tested[index]:
            step += 1
    return tested
