import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import coverage, distributions, interquartile_mean_of
from scipy import stats

from experiments.analysis.statistics.interquartile import interquartile_mean

DISTRIBUTIONS = distributions()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_it_is_scipys_trimmed_mean(values):
    found = interquartile_mean(values).value
    assert found == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-9, abs=1e-9)


def test_by_hand():
    # Of eight values two are cut off at either end: (3 + 4 + 5 + 8) / 4.
    assert interquartile_mean([100, 1, 2, 3, 4, 5, 8, 9]).value == 5
    assert interquartile_mean([1, 2, 6]).value == 3  # too few to cut any


@pytest.mark.parametrize("count", [8, 10, 25])
def test_the_standard_error_is_yuens(count):
    values = np.random.default_rng(count).normal(size=count)
    found = interquartile_mean(values)
    # In SciPy's test against the same values, shifted, the standard error comes in twice.
    reference = stats.ttest_ind(values, values - 1, equal_var=False, trim=0.25)
    assert reference.statistic == pytest.approx(1 / (found.error * np.sqrt(2)), rel=1e-9)
    assert found.df == count - 2 * (count // 4) - 1


def test_one_seed_gone_astray_does_not_move_it():
    values = [1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 1.0]
    assert interquartile_mean([*values[:-1], 1e9]).value == pytest.approx(1.0, abs=0.05)


def test_no_spread_and_one_value():
    assert interquartile_mean([2.0] * 7).error == 0
    assert interquartile_mean([2.0]).p_value() == 1


MOST_SKEWED = "exponential"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == MOST_SKEWED else pytest.mark.slow)
        for name in DISTRIBUTIONS
    ],
)
def test_its_interval_of_ten_seeds_holds_it_ninety_five_times_in_a_hundred(name):
    distribution = DISTRIBUTIONS[name]
    found = coverage(
        distribution,
        interquartile_mean_of(distribution, 10),
        lambda sample: interquartile_mean(sample).interval(),
        10,
        2000,
    )
    assert 0.93 <= found <= 0.97
