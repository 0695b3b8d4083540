import math

import numpy as np
import pytest
from scipy import stats

from experiments.analysis.statistics.welch import Sample, welch_interval


def test_it_is_scipys_interval():
    left, right = [3.0, 4.5, 5.0, 8.0], [1.0, 1.5, 1.25, 0.5, 2.0, 1.75]
    found = welch_interval(Sample.of(left), Sample.of(right))
    reference = stats.ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), rel=1e-9)


def test_a_published_mean_and_deviation_are_enough():
    values = [1.0, 1.5, 1.25, 0.5, 2.0, 1.75]
    published = Sample(float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
    ours = Sample.of([3.0, 4.5, 5.0, 8.0])
    assert welch_interval(ours, published) == welch_interval(ours, Sample.of(values))


def test_the_true_difference_lies_in_it_as_often_as_promised():
    rng = np.random.default_rng(0)
    covered = [
        welch_interval(
            Sample.of(rng.normal(1, 1, size=10)), Sample.of(rng.normal(0, 5, size=5))
        ).covers(1.0)
        for _ in range(2000)
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_where_nothing_is_random_the_difference_is_exact():
    found = welch_interval(Sample.of([2.0, 2.0]), Sample.of([1.5, 1.5]))
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)
    half_random = welch_interval(Sample.of([2.0, 2.0]), Sample.of([1.0, 2.0]))
    assert half_random.low < 0.5 < half_random.high


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.inf]])
def test_too_little_is_known_of_few_or_infinite_values(values):
    found = welch_interval(Sample.of(values), Sample.of([1.0, 2.0]))
    assert (found.low, found.high) == (-math.inf, math.inf)
