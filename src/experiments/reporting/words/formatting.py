"""Format numbers with the digits that their spread supports: `0.9712 ± 0.0031`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from experiments.analysis.statistics.estimate import Estimate


def decimals(means: Sequence[float], deviations: Sequence[float]) -> int:
    """Choose the number of decimals of a column.

    A column shows two digits of its typical standard deviation or, without deviations (one
    seed), four digits of its typical mean. NaNs are ignored. The result is between 0 and 6, and
    at most 4 without deviations.
    """
    spread = [value for value in deviations if math.isfinite(value) and value > 0]
    if spread:
        return _between(0, 1 - _magnitude(statistics.median(spread)), 6)
    size = [abs(value) for value in means if math.isfinite(value) and value != 0]
    return _between(0, 3 - _magnitude(statistics.median(size)), 4) if size else 2


def column(means: Sequence[float], deviations: Sequence[float]) -> list[str]:
    """Format a column of `mean ± deviation` with cells of equal width and aligned signs.

    If the deviation is missing (NaN), the cell shows the mean only; if the mean is missing, a
    dash.
    """
    places = decimals(means, deviations)
    left = [number(mean, places) for mean in means]
    right = [
        "" if math.isnan(mean) or math.isnan(deviation) else number(deviation, places)
        for mean, deviation in zip(means, deviations, strict=True)
    ]
    wide, narrow = max(map(len, left)), max(map(len, right))
    return [
        first.rjust(wide)
        + (f" ± {second:>{narrow}}" if second else " " * (narrow + 3 if narrow else 0))
        for first, second in zip(left, right, strict=True)
    ]


def number(value: float, places: int) -> str:
    """Format a number with fixed decimals, or in scientific notation if these would hide it.

    Without decimals it has up to six digits, so that microseconds read as such: 150000.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value != 0 and (abs(value) >= (1e5 if places else 1e6) or abs(value) < 0.5 * 10.0**-places):
        return f"{value:.1e}"
    return f"{value:.{places}f}"


def compact(value: float, digits: int = 4) -> str:
    """Format a number as people type it, with at most `digits` digits: 0.03, 1e-4."""
    if not math.isfinite(value):
        return number(value, 0)
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


def tenths(value: float) -> str:
    """Format a number with one decimal, or with none if it is whole: 11.5, 12."""
    return number(value, int(value % 1 != 0))


def interval(estimate: Estimate) -> str:
    """Format an estimate: `0.0123 [0.0098, 0.0151]`, or `0.0123` if the interval is infinite."""
    if math.isinf(estimate.low) and math.isinf(estimate.high):
        return number(estimate.value, decimals([estimate.value], []))
    ends = [end for end in (estimate.low, estimate.high) if math.isfinite(end)]
    spread = max((abs(end - estimate.value) for end in ends), default=math.nan)
    places = decimals([estimate.value], [spread])
    low, high = (number(end, places) for end in (estimate.low, estimate.high))
    return f"{number(estimate.value, places)} [{low}, {high}]"


def span(counts: Sequence[int]) -> str:
    """Format the range of several counts: `5`, or `3 to 5`."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def listing(words: Sequence[str]) -> str:
    """Join words for a sentence: `a, b and c`. Of more than six, only the first five are named."""
    if len(words) > 6:
        words = [*words[:5], f"{len(words) - 5} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
