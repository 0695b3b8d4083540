"""An estimate with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


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

    def __truediv__(self, length: float) -> Estimate:
        """Return the estimate in a unit that is `length` times as long."""
        return replace(
            self, value=self.value / length, low=self.low / length, high=self.high / length
        )

    def within(self, least: float, most: float) -> Estimate:
        """Cut off what lies outside the possible values; an unbounded interval stays so.

        The value itself must be possible. The interval then covers a possible truth exactly as
        often as before, and is never empty (Mandelkern 2002, "Setting confidence intervals for
        bounded parameters").
        """
        if not math.isfinite(self.low + self.high):
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))
