"""Compare the order of groups by validation with their order on the test part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.pairs import Pair
from experiments.training.metrics import metric_named


@dataclass(frozen=True)
class Disagreement:
    """An order by validation that differs from the order by the metric of the comparison.

    Attributes
    ----------
    metric : str
        The validation metric of the same quantity.
    first : str
        The label of the group that is best by it.
    reversed : tuple of Pair
        The separated pairs whose means it orders the other way.
    """

    metric: str
    first: str
    reversed: tuple[Pair, ...]


def disagreement(
    metric: str, means: Mapping[str, float], order: Sequence[str], pairs: Sequence[Pair]
) -> Disagreement | None:
    """Compare the order by validation with that of the comparison.

    Parameters
    ----------
    metric : str
        The validation metric.
    means : mapping of str to float
        The mean of the metric in each group, by label.
    order : sequence of str
        The labels, best first by the metric of the comparison.
    pairs : sequence of Pair
        The pairs of the comparison.

    Returns
    -------
    Disagreement or None
        None if the same group is first and no separated pair is reversed.
    """
    sign = -1 if metric_named(metric).higher_is_better else 1
    known = [label for label in order if math.isfinite(means.get(label, math.nan))]
    if len(known) < 2:
        return None
    first = min(known, key=lambda label: sign * means[label])
    other_way = tuple(
        pair
        for pair in pairs
        if pair.separated
        and {pair.first, pair.second} <= set(known)
        and sign * (means[pair.first] - means[pair.second]) > 0
    )
    if first == known[0] and not other_way:
        return None
    return Disagreement(metric, first, other_way)
