import math

import pytest

from experiments.reporting.figures.strips import mean_interval, strip_limits


def test_the_interval_is_students():
    # Of 1, 2, 3, 4, 5: t(4) at 97.5% is 2.7764, the standard error √2.5/√5.
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (low, high) == pytest.approx(
        (3 - 2.776445 * math.sqrt(0.5), 3 + 2.776445 * math.sqrt(0.5))
    )
    assert mean_interval([7.0]) == (7.0, 7.0)


def test_a_hopeless_group_does_not_hide_the_others():
    good = [[0.96, 0.97], [0.95, 0.96], [0.94, 0.95]]
    low, high = strip_limits([*good, [0.1, 0.2]], [(0.9, 1.0)] * 4, higher=True)
    assert 0.5 < low < 0.94
    assert high > 0.97
    low, high = strip_limits(
        [[-v for v in vs] for vs in good] + [[9.0]], [(0, 0)] * 4, higher=False
    )
    assert -0.94 < high < 1
    low, high = strip_limits([[0.5]], [(0.5, 0.5)], higher=True)
    assert low < 0.5 < high
