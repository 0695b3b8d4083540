import math

import numpy as np
import pytest
from scipy import stats

from experiments.analysis.statistics.prediction import prediction_interval


@pytest.mark.parametrize("draws", [1, 4])
def test_it_is_the_interval_of_the_definition(draws):
    values = [3.0, 4.5, 5.0, 8.0]
    found = prediction_interval(values, draws)
    spread = math.sqrt(sum((v - 5.125) ** 2 for v in values) / 3)
    half = stats.t.ppf(0.975, 3) * spread * math.sqrt(1 / draws + 1 / 4)
    assert found.value == 5.125
    assert (found.low, found.high) == pytest.approx((5.125 - half, 5.125 + half), rel=1e-9)


@pytest.mark.parametrize("draws", [1, 5])
def test_the_next_mean_lies_in_it_as_often_as_promised(draws):
    rng = np.random.default_rng(0)
    covered = [
        prediction_interval(rng.normal(size=10), draws).covers(rng.normal(size=draws).mean())
        for _ in range(2000)
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_without_two_finite_values_nothing_is_bounded():
    for values in ([], [1.0], [1.0, math.inf, 2.0]):
        found = prediction_interval(values)
        assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_values_predict_themselves():
    found = prediction_interval([2.0, 2.0, 2.0])
    assert (found.low, found.value, found.high) == (2, 2, 2)
