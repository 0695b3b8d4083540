import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.statistics.time_to_target import first_reached, ranks, time_to_target

SAMPLES = st.lists(
    st.lists(st.one_of(st.integers(0, 9).map(float), st.just(math.inf)), min_size=1, max_size=8),
    min_size=1,
    max_size=5,
)


def test_the_first_epoch_at_or_beyond_the_target():
    assert first_reached([0.1, 0.5, 0.97, 0.9, 0.99], 0.97, higher=True) == 2
    assert first_reached([2.0, math.nan, 0.5], 0.5, higher=False) == 2
    assert first_reached([0.1, math.nan], 0.5, higher=True) is None
    assert first_reached([], 0.5, higher=True) is None
    assert first_reached([0.6], 0.5, higher=True) == 0


def test_the_curve_never_counts_a_miss():
    found = time_to_target("epoch", {0: 3.0, 1: 5.0, 2: math.inf, 3: 3.0})
    assert found.reached == 3
    assert [(time, share.value) for time, share in found.curve()] == [
        (0.0, 0.0),
        (3.0, 0.5),
        (5.0, 0.75),
    ]
    assert found.median.value == 4
    assert time_to_target("epoch", {0: 1.0, 1: math.inf, 2: math.inf}).median.value == math.inf


def test_the_curve_is_one_minus_kaplan_meiers_where_nothing_is_censored_early():
    times = {seed: float(time) for seed, time in enumerate([4, 7, 7, 9, 12, 15])} | {
        6: math.inf,
        7: math.inf,
    }
    sample = stats.CensoredData(
        uncensored=[t for t in times.values() if t < 99], right=[99.0, 99.0]
    )
    reference = stats.ecdf(sample).cdf
    for time, share in time_to_target("epoch", times).curve()[1:]:
        assert share.value == pytest.approx(float(reference.evaluate(time)))


@given(SAMPLES)
def test_ranks_are_scipys(samples):
    pooled = [value for sample in samples for value in sample]
    expected = stats.rankdata(pooled).tolist()
    assert [rank for sample in ranks(samples) for rank in sample] == expected


def test_no_samples_have_no_ranks():
    assert ranks([]) == []
    assert ranks([[]]) == [[]]
    assert ranks([[], [2.0, 1.0]]) == [[], [2.0, 1.0]]
