import numpy as np
import pytest
from scipy import stats

from experiments.analysis.statistics.equivalence import p_value, power_of, seeds_to_equivalence
from experiments.analysis.statistics.studentized import mean


def test_p_values_are_those_of_scipys_one_sided_tests():
    differences = np.random.default_rng(0).normal(0.1, 0.4, size=5)
    for margin in (0.2, 0.5, 2.0):
        below = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
        above = stats.ttest_1samp(differences, margin, alternative="less").pvalue
        expected = 2 * max(below, above) if abs(differences.mean()) < margin else 1.0
        assert p_value(mean(differences), margin) == pytest.approx(expected)


def test_an_estimate_outside_of_the_margin_is_never_equivalent():
    assert p_value(mean([0.5] * 20), 0.5) == 1
    assert p_value(mean([-0.6] * 20), 0.5) == 1
    assert p_value(mean([0.0]), 0.5) > 0.05  # a single seed says nothing


def test_equal_differences_count_signs():
    assert p_value(mean([0.0] * 6), 0.1) == 2**-5
    assert p_value(mean([0.0] * 5), 0.1) > 0.05


def test_equivalent_only_if_the_interval_lies_inside():
    generator = np.random.default_rng(1)
    found = 0
    for _ in range(300):
        contrast = mean(generator.normal(0.0, 0.4, size=10).tolist())
        interval = contrast.interval(0.95)
        inside = interval.low > -0.4 and interval.high < 0.4
        equivalent = p_value(contrast, 0.4) < 0.05
        assert inside or not equivalent
        if contrast.stretch_low == contrast.stretch_high == 1:
            assert equivalent == inside
        found += equivalent
    assert 100 < found < 290


def test_seeds_to_equivalence_reach_the_power():
    generator = np.random.default_rng(2)
    for effect, margin in ((0.0, 1.0), (0.3, 1.0), (-0.1, 0.5)):
        count = seeds_to_equivalence(effect, margin)
        draws = generator.normal(effect, 1, size=(4000, count))
        reach = stats.t.ppf(0.975, count - 1) * draws.std(axis=1, ddof=1) / np.sqrt(count)
        shown = (draws.mean(axis=1) + reach < margin) & (draws.mean(axis=1) - reach > -margin)
        assert shown.mean() == pytest.approx(0.8, abs=0.06)
        assert power_of(effect, margin, count) >= 0.8 > power_of(effect, margin, count - 1)
    assert seeds_to_equivalence(1.0, 1.0) is None
    assert seeds_to_equivalence(float("nan"), 1.0) is None
