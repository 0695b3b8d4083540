"""A number and the interval that goes with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number and its confidence interval.

    Attributes
    ----------
    value : float
        The number; NaN where there is nothing to estimate from.
    low, high : float
        The interval's ends; infinite where the data set no limit (a single seed).
    level : float
        The interval's nominal coverage, such as 0.95.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def covers(self, value: float) -> bool:
        """Return whether a value lies in the interval, its ends included."""
        return self.low <= value <= self.high
