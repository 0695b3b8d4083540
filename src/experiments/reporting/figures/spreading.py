"""Labels side by side without overlap, each as near as can be to what it names."""

from __future__ import annotations

from collections.abc import Sequence


def spread(wanted: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Move positions apart by as little as possible, in the sense of least squares.

    Parameters
    ----------
    wanted : sequence of float
        Where the labels would like to be, in any order.
    gap : float
        The least distance between two labels. Where all do not fit between `low` and `high`
        at this distance, they are spaced evenly.
    low, high
        The range of positions.

    Returns
    -------
    list of float
        Positions in the order of `wanted`.
    """
    count = len(wanted)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    order = sorted(range(count), key=lambda index: (wanted[index], index))
    # Less the gaps below them, the positions need only be in order: isotonic regression, by
    # pooling neighbours that are not. Cutting its solution to a range solves the bounded case.
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
