import numpy as np
import pytest
from scipy import stats

from experiments.analysis.statistics.seeds_needed import MOST, power_of, seeds_needed


@pytest.mark.parametrize(
    ("effect", "count"),
    # G*Power 3.1 and Cohen's tables: two-sided paired t-test, 5%, power 80%.
    [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)],
)
def test_published_numbers(effect, count):
    assert seeds_needed(effect) == count
    assert seeds_needed(-effect) == count


@pytest.mark.parametrize(("effect", "count", "alpha"), [(0.8, 10, 0.05), (1.5, 6, 0.01)])
def test_the_power_is_what_drawing_samples_gives(effect, count, alpha):
    samples = np.random.default_rng(0).normal(effect, size=(20_000, count))
    found = np.mean(stats.ttest_1samp(samples, 0, axis=1).pvalue < alpha)
    assert power_of(effect, count, alpha) == pytest.approx(found, abs=0.01)


@pytest.mark.parametrize("effect", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("count", [3, 10, 60, 400])
def test_the_power_is_the_noncentral_ts(effect, count):
    quantile = stats.t(count - 1).ppf(0.975)
    shifted = stats.nct(count - 1, effect * count**0.5)
    expected = np.nan_to_num(shifted.sf(quantile)) + np.nan_to_num(shifted.cdf(-quantile))
    assert power_of(effect, count) == pytest.approx(expected, abs=1e-4)


def test_it_is_the_smallest_number_that_does():
    for effect in (0.1, 0.35, 0.9, 2.0, 7.0):
        for alpha in (0.05, 0.001):
            count = seeds_needed(effect, alpha=alpha)
            assert power_of(effect, count, alpha) >= 0.8
            assert count == 2 or power_of(effect, count - 1, alpha) < 0.8


def test_no_difference_or_next_to_none_needs_more_than_anyone_has():
    assert seeds_needed(0.0) is None
    assert seeds_needed(float("nan")) is None
    assert seeds_needed(0.001) is None
    assert seeds_needed(0.05) < MOST
    assert seeds_needed(1e6) == 2
