"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple

_DECREASE = 1e-4
"""c₁ of the first condition, f(t) ≤ f(0) + c₁·t·f'(0)."""

_CURVATURE = 0.9
"""c₂ of the second condition, |f'(t)| ≤ c₂·|f'(0)|."""

_FARTHEST = 10.0
"""The largest ratio of a step to the one before, while no minimum is enclosed."""


class Point(NamedTuple):
    """A point on the line: its place, and the value and the slope of the function there."""

    t: float
    value: float
    slope: float


Search = Generator[float, tuple[float, float], Point]
"""Yields places, receives value and slope there, and returns the best point."""


def strong_wolfe(start: Point, t: float, shortest: float, evaluations: int) -> Search:
    """Search a point that fulfils both conditions.

    Enclose one, by steps that grow; then narrow the bracket by cubic interpolation (Nocedal &
    Wright 2006, Algorithms 3.5 and 3.6), with the safeguards of minFunc and ``torch.optim.LBFGS``.
    If a value is not finite, the bracket is halved instead.

    Parameters
    ----------
    start : Point
        The start, t = 0, where the function falls.
    t : float
        The first place to try.
    shortest : float
        Length of a bracket that is not narrowed any more.
    evaluations : int
        Largest number of places to try, at least 1.

    Yields
    ------
    float
        A place t, for which value and slope are to be sent.

    Returns
    -------
    Point
        The point that fulfils both conditions, or the lowest end of the last bracket.
    """
    left, new = start, Point(t, *(yield t))
    count = 1
    while True:
        if not _falls_enough(new, start) or (count > 2 and new.value >= left.value):
            break
        if _is_flat(new, start):
            return new
        if new.slope >= 0:
            break
        if count >= evaluations:
            left = start
            break
        near, far = new.t + 0.01 * (new.t - left.t), new.t * _FARTHEST
        t = _minimum(left, new, near, far)
        left, new = new, Point(t, *(yield t))
        count += 1
    low, high = (left, new) if left.value <= new.value or math.isnan(new.value) else (new, left)
    hesitates = False
    while count < evaluations and abs(high.t - low.t) > shortest:
        left, right = sorted((low, high))
        t = _minimum(left, right, left.t, right.t)
        margin = 0.1 * (right.t - left.t)
        if min(right.t - t, t - left.t) >= margin:
            hesitates = False
        elif hesitates or not left.t < t < right.t:
            t = right.t - margin if right.t - t < t - left.t else left.t + margin
            hesitates = False
        else:
            hesitates = True
        new = Point(t, *(yield t))
        count += 1
        if not _falls_enough(new, start) or not new.value < low.value:
            high = new
            if high.value < low.value:
                low, high = high, low
            continue
        if _is_flat(new, start):
            return new
        if new.slope * (high.t - low.t) >= 0:
            high = low
        low = new
    return low


def _falls_enough(point: Point, start: Point) -> bool:
    return point.value <= start.value + _DECREASE * point.t * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _minimum(a: Point, b: Point, near: float, far: float) -> float:
    """Return the place of the minimum of the cubic through two points, within bounds.

    The middle of the bounds replaces a minimum that does not exist.
    """
    numbers = (a.value, a.slope, b.value, b.slope)
    if all(map(math.isfinite, numbers)) and a.t != b.t:
        first = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
        square = first * first - a.slope * b.slope
        if 0 <= square < math.inf:
            root = math.sqrt(square)
            divisor = b.slope - a.slope + 2 * root
            if divisor != 0:
                t = b.t - (b.t - a.t) * ((b.slope + root - first) / divisor)
                return min(max(t, near), far)
    return (near + far) / 2
