"""An estimate with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number and its confidence interval.

    Attributes
    ----------
    value : float
        The number; NaN if there are no data.
    low, high : float
        The ends of the interval; infinite if the data do not bound it (a single seed).
    level : float
        The nominal coverage of the interval, such as 0.95.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def covers(self, value: float) -> bool:
        """Return whether a value lies in the interval, including its ends."""
        return self.low <= value <= self.high
