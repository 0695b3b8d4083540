import math

import numpy as np
import pytest
from scipy import stats

from experiments.analysis.statistics.improvement import (
    probability_of_improvement,
    proportion,
)


def test_wins_and_half_the_ties_seed_by_seed():
    found = probability_of_improvement([1, 2, 3, 4], [2, 2, 2, math.inf])
    assert found.value == (2 + 0.5) / 4  # won on the first and last, tied on the second
    assert probability_of_improvement([1, 2], [2, 1], higher=True).value == 0.5
    assert probability_of_improvement([9, 9], [1, 2], higher=True).value == 1
    assert probability_of_improvement([math.inf], [math.inf]).value == 0.5


def test_unpaired_it_is_the_mann_whitney_statistic():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=7), generator.normal(0.4, size=9)
    found = probability_of_improvement(first, second, paired=False)
    reference = stats.mannwhitneyu(second, first).statistic / (7 * 9)
    assert found.value == pytest.approx(reference)


@pytest.mark.parametrize(("wins", "count"), [(0, 10), (3, 10), (10, 10), (5, 7), (1, 1)])
def test_the_interval_is_wilsons(wins, count):
    reference = stats.binomtest(wins, count).proportion_ci(0.95, method="wilson")
    found = proportion(wins / count, count)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_coverage_averaged_over_the_true_probability():
    # For one probability the coverage of ten coin tosses jumps; its mean is what can be asked.
    generator = np.random.default_rng(1)
    truths = generator.uniform(0.02, 0.98, size=4000)
    wins = generator.binomial(10, truths)
    held = [proportion(won / 10, 10).covers(truth) for won, truth in zip(wins, truths, strict=True)]
    assert 0.93 <= np.mean(held) <= 0.97
