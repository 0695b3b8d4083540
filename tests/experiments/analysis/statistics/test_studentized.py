import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import FarOff, coverage, distributions, rare_values
from scipy import stats

from experiments.analysis.statistics import studentized
from experiments.analysis.statistics.studentized import Studentized, mean, studentize

DISTRIBUTIONS = distributions()

SOME = ("normal", "exponential")

SAMPLES = st.lists(st.floats(-100, 100), min_size=2, max_size=12)


def normal(count, seed=0, **changes):
    return np.random.default_rng(seed).normal(**changes, size=count)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_seeds_have_students_interval_and_test(count):
    values = normal(count, loc=0.3)
    found = mean(values)
    reference = stats.ttest_1samp(values, 0)
    interval = found.interval()
    assert found.p_value() == pytest.approx(reference.pvalue)
    low, high = reference.confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_paired_differences_are_the_paired_test_and_two_strata_are_welchs():
    first, second = normal(5, 1), normal(4, 2, scale=3)
    paired = mean(first[:4] - second)
    assert paired.p_value() == pytest.approx(stats.ttest_rel(first[:4], second).pvalue)
    welch = studentize([first, second], [1, -1])
    reference = stats.ttest_ind(first, second, equal_var=False)
    assert welch.p_value() == pytest.approx(reference.pvalue)
    assert welch.df == pytest.approx(reference.df)
    low, high = reference.confidence_interval(0.99)
    assert (welch.interval(0.99).low, welch.interval(0.99).high) == pytest.approx((low, high))


def test_the_stretch_is_that_of_a_studentized_bootstrap_done_elsewhere():
    values = np.random.default_rng(3).gamma(3, size=10)
    found = mean(values)
    generator, ratios = np.random.default_rng(99), []
    for _ in range(20_000):
        drawn = generator.choice(values, 10)
        ratios.append((drawn.mean() - values.mean()) / (drawn.std(ddof=1) / math.sqrt(10)))
    below, above = np.quantile(ratios, [0.025, 0.975]) / stats.t(9).ppf(0.975)
    skew = 0.4 * (above + below)  # what lies below counts as negative
    assert skew < -0.1  # skewed to the right: the mean may be much higher
    assert found.stretch_high == pytest.approx(1 - skew, abs=0.05)
    assert found.stretch_low == 1


def test_an_interval_is_never_narrower_than_students():
    for seed in range(50):
        values = normal(10, seed) ** 2
        interval = mean(values).interval()
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert interval.low <= low + 1e-12
        assert interval.high >= high - 1e-12


@given(SAMPLES, st.floats(0.5, 0.999))
def test_the_p_value_is_that_of_the_interval_that_just_leaves_zero_out(values, level):
    found = mean(values)
    interval = found.interval(level)
    p = found.p_value()
    assert 0 <= p <= 1
    if abs(p - (1 - level)) > 1e-9:
        assert interval.covers(0) == (p > 1 - level)
    assert interval.covers(found.value)


@given(SAMPLES, st.floats(0.01, 100))
def test_units_do_not_matter(values, factor):
    found, scaled = mean(values), mean([value * factor for value in values])
    assert scaled.value == pytest.approx(found.value * factor)
    if found.error > 1e-9 and scaled.error > 1e-9:
        assert scaled.p_value() == pytest.approx(found.p_value(), rel=1e-6, abs=1e-12)


def test_swapping_the_groups_mirrors_the_interval():
    differences = np.random.default_rng(8).exponential(size=10)
    one, other = mean(differences).interval(), mean(-differences).interval()
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), rel=0.05)


def test_seeds_that_all_agree():
    assert mean([0.0] * 5).p_value() == 1
    assert mean([0.0] * 5).interval().covers(0)
    always = mean([0.5] * 10)
    assert always.p_value() == 2**-9
    assert (always.interval().low, always.interval().high) == (0.5, 0.5)
    # Five equal signs come by chance once in sixteen: not enough for 95%.
    assert mean([0.5] * 5).p_value() == 2**-4
    assert mean([0.5] * 5).interval().covers(0)
    assert mean([0.1 + 0.2, 0.3, 0.3]).error == 0  # but for rounding


def test_one_seed_says_nothing():
    found = mean([3.0])
    assert (found.interval().low, found.interval().high) == (-math.inf, math.inf)
    assert found.p_value() == 1


def test_the_stretch_is_bounded_however_the_seeds_are_mixed():
    # Eight of ten runs diverge: the bootstrap's own tail would hide what is plain.
    found = mean([1.0, 1.01, 0.98, 1.02, 1.03, 0.99, 1.0, 1.02, -0.1, -0.1])
    assert found.stretch_low == 1.5
    assert found.p_value() < 0.01


def test_the_same_values_give_the_same_bits():
    values = normal(10, 5)
    studentized.drawn.cache_clear()
    first = mean(values)
    studentized.drawn.cache_clear()
    assert mean(values) == first
    assert isinstance(first, Studentized)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in SOME else pytest.mark.slow) for name in DISTRIBUTIONS],
)
def test_ninety_five_percent_of_the_intervals_of_ten_seeds_hold_the_mean(name):
    distribution = DISTRIBUTIONS[name]
    found = coverage(
        distribution,
        distribution.mean(),
        lambda sample: mean(sample).interval(),
        10,
        4000,
    )
    assert 0.93 <= found <= 0.97


def test_the_percentile_bootstrap_would_not_do():
    # Why it is not used: the same draws, SciPy's own.
    def percentile(sample):
        found = stats.bootstrap(
            (sample,), np.mean, n_resamples=999, method="percentile", vectorized=True,
            rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
        return studentized.Estimate(float(sample.mean()), found.low, found.high)

    distribution = DISTRIBUTIONS["normal"]
    assert coverage(distribution, distribution.mean(), percentile, 10, 1000) < 0.93


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("normal", marks=pytest.mark.slow),
        pytest.param("lognormal (0.5)", marks=pytest.mark.slow),
        "exponential",
    ],
)
def test_a_mean_over_datasets_is_covered_too(name):
    distribution = DISTRIBUTIONS[name]
    scales = (1.0, 3.0, 0.5)
    truth = distribution.mean() * sum(scales) / 3
    generator = np.random.default_rng(4)
    held = []
    for _ in range(2000):
        strata = [scale * distribution.rvs(10, random_state=generator) for scale in scales]
        held.append(studentize(strata, [1 / 3] * 3).interval().covers(truth))
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 6, 8, 20, 50])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_coverage_at_other_numbers_of_seeds(name, seeds):
    distribution = DISTRIBUTIONS[name]
    found = coverage(
        distribution,
        distribution.mean(),
        lambda sample: mean(sample).interval(),
        seeds,
        4000,
    )
    skewed = name in ("exponential", "lognormal (0.5)")
    # With fewer than six the bootstrap cannot help where the distribution is skewed, and
    # below the protocol's ten no more is promised than that it is near.
    least = 0.85 if skewed and seeds < 6 else 0.91 if seeds < 10 else 0.93
    assert least <= found <= 0.98


@pytest.mark.parametrize(
    ("name", "low", "high"), [("lognormal (1.5)", 0.7, 0.85), ("one in ten far off", 0.55, 0.72)]
)
def test_ten_seeds_do_not_cover_a_mean_that_rare_seeds_decide(name, low, high):
    """The page on the protocol says so, with these figures."""
    rare = rare_values()[name]
    found = coverage(rare, rare.mean(), lambda x: mean(x.tolist()).interval(), 10, 300)
    assert low < found < high


def test_the_mixture_has_the_quantiles_and_the_mean_that_it_names():
    mixture = FarOff(share=0.2, shift=7)
    drawn = mixture.rvs((1, 200_000), np.random.default_rng(0))[0]
    assert abs(drawn.mean() - mixture.mean()) < 0.05
    assert abs(np.median(drawn) - mixture.median()) < 0.05
    for share in (0.1, 0.75, 0.9):
        assert abs(np.mean(drawn < mixture.ppf(share)) - share) < 0.01


def test_each_stratum_has_its_own_overlap():
    strata, weights = [[1.0, 2.0, 4.0], [3.0, 5.0, 6.0, 9.0]], [0.5, 0.5]
    found = studentize(strata, weights, [0.25, 1.0])
    variance = sum(
        w * w * np.var(x, ddof=1) * (1 / len(x) + shared)
        for w, x, shared in zip(weights, strata, [0.25, 1.0], strict=True)
    )
    assert found.error == pytest.approx(math.sqrt(variance))
    assert studentize(strata, weights, [0.25, 0.25]) == studentize(strata, weights, 0.25)
