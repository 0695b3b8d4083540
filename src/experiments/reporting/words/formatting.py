"""Format numbers with the digits that their spread supports: `0.9712 ± 0.0031`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.analysis.statistics.estimate import Estimate
from experiments.training.metrics import metric_named

_MOST_DECIMALS: Final = 6
_LARGE: Final = 1e5  # from here on, numbers are written with powers of ten


@dataclass(frozen=True)
class Notation:
    """How all numbers of a column are written: a value has the decimals of its uncertainty.

    Attributes
    ----------
    places : int
        The number of decimals; in scientific notation, those of the mantissa.
    scientific : bool
        Whether powers of ten are split off: `(1.40 ± 0.21)e8`.
    """

    places: int
    scientific: bool = False

    @classmethod
    def of(cls, values: Iterable[float], spreads: Iterable[float] = ()) -> Notation:
        """Choose the notation of a column.

        A column shows two digits of its typical spread and at least one of its smallest or,
        without spreads (one seed), four digits of its typical value. It has at most 6 decimals,
        and at most 4 without spreads; a column that would need more, or that has a number of
        100,000 or more, is scientific. A spread that is negligible beside the values, as of equal
        numbers that were rounded, counts as none.

        Parameters
        ----------
        values : iterable of float
            The values. What is not finite is ignored, here and in the spreads.
        spreads : iterable of float, optional
            The standard deviation of each value, or the distance to the end of its interval.
        """
        sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
        known = [spread for spread in spreads if math.isfinite(spread) and spread > 0]
        if max([*sizes, *known], default=0.0) >= _LARGE:
            return cls(2, scientific=True)
        if not known:
            return cls(_between(0, 3 - _magnitude(statistics.median(sizes)), 4) if sizes else 2)
        typical = 1 - _magnitude(statistics.median(known))
        if typical > _MOST_DECIMALS:
            if sizes and statistics.median(known) < 1e-6 * statistics.median(sizes):
                return cls.of(values)
            return cls(2, scientific=True)
        return cls(_between(0, max(typical, -_magnitude(min(known))), _MOST_DECIMALS))

    def number(self, value: float) -> str:
        """Format one number."""
        return self._together("{}", value)

    def with_spread(self, value: float, spread: float) -> str:
        """Format a number with its standard deviation, unless that is NaN: `0.97 ± 0.03`."""
        if math.isnan(value) or math.isnan(spread):
            return self.number(value)
        return self._together("{} ± {}", value, spread)

    def with_interval(self, estimate: Estimate) -> str:
        """Format an estimate, `0.97 [0.94, 0.99]`; without the interval if that is unbounded."""
        if math.isinf(estimate.low) and math.isinf(estimate.high):
            return self.number(estimate.value)
        if estimate.low == estimate.value == estimate.high:  # all seeds agree
            return self.number(estimate.value)
        return self._together("{} [{}, {}]", estimate.value, estimate.low, estimate.high)

    def ends(self, estimate: Estimate) -> str:
        """Format the interval of an estimate alone, `[0.94, 0.99]`; nothing if it is unbounded."""
        if not math.isfinite(estimate.low + estimate.high):
            return ""
        return f"[{self.number(estimate.low)}, {self.number(estimate.high)}]"

    def _together(self, pattern: str, *values: float) -> str:
        """Fill numbers into a pattern, with one power of ten for all of them."""
        exponent = 0
        if self.scientific:
            sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
            exponent = _magnitude(max(sizes)) if sizes else 0
        scaled = [value / 10.0**exponent for value in values]
        written = pattern.format(*(_fixed(value, self.places) for value in scaled))
        if not exponent:
            return written
        return f"({written})e{exponent}" if len(values) > 1 else f"{written}e{exponent}"


def column(means: Sequence[float], deviations: Sequence[float]) -> list[str]:
    """Format a column of `mean ± deviation` with cells of equal width and aligned signs.

    If the deviation is missing (NaN), the cell shows the mean only; if the mean is missing, a
    dash.
    """
    notation = Notation.of(means, deviations)
    pairs = zip(means, deviations, strict=True)
    split = [notation.with_spread(*pair).partition(" ± ") for pair in pairs]
    wide, narrow = (max(len(parts[side]) for parts in split) for side in (0, 2))
    return [
        first.rjust(wide)
        + (f"{sign}{second:>{narrow}}" if sign else " " * (narrow + 3 if narrow else 0))
        for first, sign, second in split
    ]


def number(value: float, places: int) -> str:
    """Format a single number with fixed decimals, or with a power of ten if these hide it."""
    hidden = 0 < abs(value) < 0.5 * 10.0**-places
    if hidden or (abs(value) >= _LARGE and math.isfinite(value)):
        return compact(value, 2)
    return _fixed(value, places)


def _fixed(value: float, places: int) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:z.{places}f}"


def compact(value: float, digits: int = 4) -> str:
    """Format a number as people type it, with at most `digits` digits: 0.03, 1e-4."""
    if not math.isfinite(value):
        return _fixed(value, 0)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if value == 0 or -3 <= int(exponent) < digits:
        return f"{value:.{digits}g}"
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def duration(seconds: float) -> str:
    """Format a time in the unit that people would choose, below a minute with three digits.

    Examples are 137 µs, 4.02 ms, 3 s, 2 min 5 s and 3 h 20 min.
    """
    if not math.isfinite(seconds):
        return number(seconds, 0)
    for unit, length, limit in (("µs", 1e-6, 1e-3), ("ms", 1e-3, 1.0), ("s", 1.0, 60.0)):
        if seconds < 0.9995 * limit:
            return f"{compact(seconds / length, 3)} {unit}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def in_unit(metric: str, estimates: Sequence[Estimate]) -> tuple[str, list[Estimate]]:
    """Convert times to the unit that suits them; leave all other metrics as they are.

    Returns
    -------
    str
        The short label of the metric, with the unit: `ms/step`.
    list of Estimate
        The estimates in this unit.
    """
    label = metric_named(metric).short
    if not label.startswith("µs"):
        return label, list(estimates)
    unit, length = time_unit([one.value for one in estimates])
    return label.replace("µs", unit), [one / length for one in estimates]


def time_unit(microseconds: Sequence[float]) -> tuple[str, float]:
    """Choose the unit of a column of times, in which they have at most four digits.

    Returns
    -------
    str
        The unit: µs, ms or s.
    float
        The unit in microseconds.
    """
    longest = max((time for time in microseconds if math.isfinite(time)), default=0.0)
    return ("µs", 1.0) if longest < 1e4 else ("ms", 1e3) if longest < 1e7 else ("s", 1e6)


def percent(share: float) -> str:
    """Format a share in percent, with one decimal if it is small: 97%, 4.2%, < 0.1%."""
    if share == 0 or share >= 0.095:
        return f"{share:.0%}"
    return f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def p_value(p: float) -> str:
    """Format a p-value with three decimals."""
    return "–" if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def counts(values: Sequence[float]) -> list[str]:
    """Format counts alike: with tenths if one of them has any, and `never` for ∞."""
    places = int(any(value % 1 != 0 for value in values if math.isfinite(value)))
    return ["never" if math.isinf(value) else _fixed(value, places) for value in values]


def interval(estimate: Estimate) -> str:
    """Format an estimate on its own; see :meth:`Notation.with_interval`."""
    return Notation.of([estimate.value], [reach(estimate)]).with_interval(estimate)


def reach(estimate: Estimate) -> float:
    """Return the distance from an estimate to the farther end of its interval, NaN if unbounded."""
    ends = [end for end in (estimate.low, estimate.high) if math.isfinite(end)]
    return max((abs(end - estimate.value) for end in ends), default=math.nan)


def span(counts: Sequence[int]) -> str:
    """Format the range of several counts: `5`, or `3 to 5`."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def listing(words: Sequence[str], most: int = 6) -> str:
    """Join words for a sentence: `a, b and c`; beyond `most` words, `a, b, c and 4 more`."""
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
