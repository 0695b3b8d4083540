import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.studentized import mean
from experiments.analysis.study import Sample

losses = st.lists(st.floats(0, 1e3), min_size=2, max_size=12)


@given(losses, st.floats(0, 1e4))
def test_an_interval_within_the_range_covers_a_possible_truth_as_often_as_before(values, truth):
    whole = mean(values).sample_interval()
    cut = whole.within(0, math.inf)
    assert cut.covers(truth) == whole.covers(truth)
    assert cut.low >= 0
    assert cut.low <= cut.value <= cut.high


@given(
    st.sampled_from(["test/loss", "test/accuracy", "best/val_r2", "area/val_loss", "best/epoch"]),
    st.lists(st.floats(0, 1), min_size=2, max_size=12),
)
def test_no_interval_of_a_group_leaves_the_range_of_its_metric(metric, values):
    sample = Sample(metric, tuple(range(len(values))), tuple(values), frozenset())
    most = 1 if metric.endswith(("accuracy", "r2")) else math.inf
    least = -math.inf if metric.endswith("r2") else 0
    for estimate in (sample.mean, sample.iqm, sample.median):
        assert least <= estimate.low <= estimate.high <= most


def test_a_loss_of_the_users_own_may_be_negative():
    values = (-3.0, -1.0, 2.0)
    sample = Sample("test/loss", (0, 1, 2), values, frozenset())
    assert sample.mean.low < -3


def test_an_interval_of_one_seed_stays_unbounded():
    assert Estimate(1.0, -math.inf, math.inf).within(0, 1).low == -math.inf


def test_the_coverage_of_a_mean_near_zero_is_what_it_was():
    # Losses near zero, half of whose intervals reach below it.
    samples = np.random.default_rng(0).gamma(0.5, size=(400, 10))
    intervals = [mean(sample.tolist()).interval() for sample in samples]
    before = np.mean([one.covers(0.5) for one in intervals])
    after = np.mean([one.within(0, math.inf).covers(0.5) for one in intervals])
    assert before == after
