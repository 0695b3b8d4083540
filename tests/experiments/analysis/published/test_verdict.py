"""Verdicts, by their definitions and by simulation."""

import math
from collections import Counter

import numpy as np
import pytest

from experiments.analysis.published.measure import Measure
from experiments.analysis.published.verdict import Mean, Order, Value, Verdict

MEASURE = Measure(metric="test/accuracy")
ABOUT = {"says": "it is so", "where": "page 1", "measure": MEASURE}
TEN = [0.95, 0.952, 0.948, 0.951, 0.949, 0.95, 0.953, 0.947, 0.95, 0.95]  # ± 0.0043


def value(number, **changes):
    settings = {"runs": "a", "tolerance": 0.01, "width": 0.02, **changes}
    return Value(**ABOUT, value=number, **settings)


def verdict(claim, values):
    return claim.judge({"a": values}).verdict


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0.95, Verdict.REPRODUCED),
        (0.9540, Verdict.REPRODUCED),
        (0.9461, Verdict.REPRODUCED),
        (0.9545, Verdict.NEAR),
        (0.9401, Verdict.NEAR),
        (0.9399, Verdict.NOT_REPRODUCED),
        (0.9601, Verdict.NOT_REPRODUCED),
    ],
)
def test_a_number_is_judged_by_the_prediction_interval_then_by_the_tolerance(number, expected):
    assert verdict(value(number), TEN) is expected


def test_an_interval_wider_than_allowed_decides_nothing():
    assert verdict(value(0.95, width=0.008), TEN) is Verdict.UNDECIDED
    assert verdict(value(0.95, width=0.009), TEN) is Verdict.REPRODUCED
    for unbounded in ([0.95], [0.95, math.inf], []):
        assert verdict(value(0.95), unbounded) is Verdict.UNDECIDED


def test_a_number_that_was_rounded_is_any_that_is_rounded_to_it():
    assert verdict(value(0.9545), TEN) is Verdict.NEAR
    assert verdict(value(0.9545, rounding=0.0005), TEN) is Verdict.REPRODUCED


def test_a_single_result_of_the_same_distribution_is_reproduced_as_often_as_promised():
    rng = np.random.default_rng(0)
    found = Counter(
        verdict(value(float(rng.normal()), tolerance=0.0, width=100.0), rng.normal(size=10))
        for _ in range(2000)
    )
    assert found[Verdict.REPRODUCED] / 2000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("spread", [None, 1.0])
def test_so_is_a_published_mean(spread):
    rng = np.random.default_rng(0)

    def one():
        published = rng.normal(size=5)
        own = None if spread is None else float(published.std(ddof=1))
        claim = Mean(
            **ABOUT,
            runs="a",
            value=float(published.mean()),
            tolerance=0.0,
            width=100.0,
            of=5,
            spread=own,
        )
        return verdict(claim, rng.normal(size=10))

    found = Counter(one() for _ in range(2000))
    assert found[Verdict.REPRODUCED] / 2000 == pytest.approx(0.95, abs=0.02)


def test_a_mean_far_from_ours_is_not_reproduced():
    claim = Mean(**ABOUT, runs="a", value=0.9, tolerance=0.01, width=0.1, of=10, spread=0.01)
    assert verdict(claim, TEN) is Verdict.NOT_REPRODUCED


def ordered(**values):
    return Order(**ABOUT, order=tuple(values)).judge(values).verdict


def test_an_order_is_judged_by_separation():
    low, high = [1.0, 1.1, 0.9], [2.0, 2.1, 1.9]
    assert ordered(a=low, b=high) is Verdict.REPRODUCED
    assert ordered(a=high, b=low) is Verdict.CONTRADICTED
    assert ordered(a=low, b=[1.2, 1.3, 0.8]) is Verdict.UNDECIDED
    assert ordered(a=low, b=[math.inf, 2.0, 2.1]) is Verdict.UNDECIDED
    assert ordered(a=[1.0, 1.0], b=[1.0, 1.0]) is Verdict.UNDECIDED


def test_a_margin_is_what_a_group_may_lie_above_the_next():
    higher, lower = [1.0, 1.1, 0.9], [0.5, 0.6, 0.4]
    for margin, expected in [(0.2, "contradicted"), (0.5, "undecided"), (0.8, "reproduced")]:
        claim = Order(**ABOUT, order=("a", "b"), margin=margin)
        assert claim.judge({"a": higher, "b": lower}).verdict == expected
    assert claim.published == "a < b + 0.8"


def test_a_margin_counts_for_every_pair():
    one = [1.0, 1.1, 0.9]
    claim = Order(**ABOUT, order=("a", "b", "c"), margin=0.5)
    assert claim.judge({"a": one, "b": one, "c": one}).verdict is Verdict.REPRODUCED
    assert claim.judge({"a": one, "b": one, "c": [0, 0.1, -0.1]}).verdict is Verdict.CONTRADICTED


def test_every_pair_of_an_order_counts():
    low, middle, high = [1.0, 1.1, 0.9], [2.0, 2.1, 1.9], [3.0, 3.1, 2.9]
    assert ordered(a=low, b=middle, c=high) is Verdict.REPRODUCED
    assert ordered(a=low, b=high, c=middle) is Verdict.CONTRADICTED
    assert ordered(a=low, b=middle, c=[2.0, 2.2, 1.9]) is Verdict.UNDECIDED


def test_equal_groups_are_seldom_said_to_contradict():
    rng = np.random.default_rng(0)
    found = Counter(
        ordered(a=rng.normal(size=10), b=rng.normal(size=10), c=rng.normal(size=10))
        for _ in range(2000)
    )
    assert found[Verdict.CONTRADICTED] / 2000 < 0.04
    assert found[Verdict.REPRODUCED] / 2000 < 0.01


def test_an_order_has_different_groups():
    for order in (("a",), ("a", "a")):
        with pytest.raises(ValueError, match="two different groups"):
            Order(**ABOUT, order=order)
