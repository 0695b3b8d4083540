import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import coverage, distributions
from scipy import stats

from experiments.analysis.statistics.median import median

DISTRIBUTIONS = distributions()

TIMES = st.lists(
    st.one_of(st.integers(0, 50).map(float), st.just(math.inf)), min_size=1, max_size=30
)


@given(TIMES)
def test_it_is_numpys_and_inside_its_interval(values):
    found = median(values)
    with np.errstate(invalid="ignore"):
        ordered = sorted(values)
        middle = ordered[(len(values) - 1) // 2], ordered[len(values) // 2]
    expected = middle[0] if middle[0] == middle[1] else sum(middle) / 2
    assert found.value == expected
    assert found.low <= found.value <= found.high
    assert min(values) <= found.low
    assert found.high <= max(values)


def test_ten_values_by_hand():
    # Of ten, the 2nd and 9th hold the median with 1 - 22/1024 = 0.9785, the 3rd and 8th with
    # 1 - 112/1024 = 0.8906. I = 0.0285 / 0.0879 = 0.3244; weight = 8 I / (2 + 6 I) = 0.6576.
    found = median(range(1, 11))
    assert found.value == 5.5
    assert found.low == pytest.approx(2.6576, abs=1e-3)
    assert found.high == pytest.approx(8.3424, abs=1e-3)


def test_misses_are_infinite_and_not_capped():
    found = median([3, 4, 5, 6, 7, 8, math.inf, math.inf, math.inf, math.inf])
    assert found.value == 7.5
    assert math.isfinite(found.low)
    assert found.high == math.inf
    assert median([1.0, math.inf]).value == math.inf
    assert median([math.inf] * 10).low == math.inf


@pytest.mark.parametrize(("count", "level"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375)])
def test_too_few_values_have_their_range_and_say_its_level(count, level):
    found = median(range(count))
    assert (found.low, found.high, found.level) == (0, count - 1, level)


@pytest.mark.parametrize("count", [6, 9, 10, 17, 40])
def test_without_interpolation_it_is_scipys_quantile_test(count):
    values = np.random.default_rng(count).normal(size=count)
    exact = stats.quantile_test(values).confidence_interval(0.95)
    found = median(values)
    # SciPy's whole steps hold at least 95%; interpolated ends lie at or inside them.
    assert exact.low <= found.low <= found.high <= exact.high


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_coverage(name):
    distribution = DISTRIBUTIONS[name]
    found = coverage(distribution, distribution.median(), median, 10, 2000)
    assert 0.93 <= found <= 0.97
