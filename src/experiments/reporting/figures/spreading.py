"""Place labels next to each other without overlap, as close as possible to their targets."""

from __future__ import annotations

from collections.abc import Sequence


def spread(wanted: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Move positions apart by as little as possible, in the sense of least squares.

    Parameters
    ----------
    wanted : sequence of float
        The desired positions of the labels, in any order.
    gap : float
        The minimum distance between two labels. If they do not all fit between `low` and `high`
        at this distance, they are spaced evenly.
    low : float, default 0.0
        The lowest position.
    high : float, default 1.0
        The highest position.

    Returns
    -------
    list of float
        The positions, in the order of `wanted`.
    """
    count = len(wanted)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    order = sorted(range(count), key=lambda index: (wanted[index], index))
    # With the gaps subtracted, the positions only need to be in order. This is isotonic
    # regression, solved by pooling adjacent violators; clipping the solution respects the bounds.
    pools: list[tuple[float, int]] = []
    for place, index in enumerate(order):
        pools.append((wanted[index] - place * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (last, many), (before, few) = pools.pop(), pools.pop()
            pools.append(((last * many + before * few) / (many + few), many + few))
    eased = [mean for mean, many in pools for _ in range(many)]
    limit = max(low, high - gap * (count - 1))
    positions = [0.0] * count
    for place, index in enumerate(order):
        positions[index] = min(max(eased[place], low), limit) + place * gap
    return positions
