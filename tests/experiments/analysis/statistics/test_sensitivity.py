import math

import pytest

from experiments.analysis.statistics.sensitivity import sensitivity


def curve(scores, **changes):
    return sensitivity(
        "adam",
        "optimizer.lr",
        "best/val_loss",
        {value: [score] for value, score in scores.items()},
        scores,
        **{"start": 2.0, "tolerance": 0.1, **changes},
    )


def test_the_width_is_counted_in_decades_between_the_crossings():
    # The best is 1, the gain 1, so the limit is 1.1: reached a tenth of the way to 2 on the left
    # (a decade from 0.1), and a quarter of the way to 1.4 on the right.
    found = curve({0.01: 2.0, 0.1: 1.0, 1.0: 1.4})
    assert found.best == 0.1
    assert math.log10(found.low) == pytest.approx(-1.1)
    assert math.log10(found.high) == pytest.approx(-0.75)
    assert found.width == pytest.approx(0.35)
    assert not found.open_low
    assert not found.open_high
    assert not found.at_edge


def test_a_range_that_reaches_the_last_value_tried_may_be_wider():
    found = curve({0.01: 1.05, 0.1: 1.0, 1.0: 1.9})
    assert found.open_low
    assert found.low == pytest.approx(0.01)
    assert not found.at_edge
    edge = curve({0.01: 1.0, 0.1: 1.5})
    assert edge.at_edge
    assert edge.open_low


def test_a_second_range_beyond_a_bad_value_does_not_count():
    found = curve({1: 1.0, 10: 1.9, 100: 1.0, 1000: 1.9})
    assert found.best == 1
    assert found.high < 10


def test_accuracies_are_better_when_higher_and_a_value_that_cannot_be_chosen_is_not_best():
    found = sensitivity(
        "sgd",
        "optimizer.lr",
        "best/val_accuracy",
        {0.1: [0.9, 0.95, 0.1], 1.0: [0.8, 0.8, 0.8], 10.0: [0.9, 0.9, 0.9]},
        {0.1: -math.inf, 1.0: 0.8, 10.0: 0.9},
        start=0.1,
        higher=True,
        diverged={0.1: 1},
    )
    assert found.best == 10.0
    assert found.tried[0].diverged == 1
    assert found.low > 0.1


def test_if_no_value_could_be_chosen_no_range_works():
    found = curve({0.1: math.inf, 1.0: math.inf})
    assert (found.low, found.high, found.width) == pytest.approx((0.1, 0.1, 0.0))


def test_values_that_are_not_all_positive_have_no_decades():
    found = curve({0.0: 1.0, 0.5: 1.05, 1.0: 2.0})
    assert math.isnan(found.width)
    assert (found.low, found.high) == pytest.approx((0.0, 0.5 + 0.5 * 0.05 / 0.95))


def test_nothing_learnt_is_equally_bad_everywhere():
    found = curve({0.1: 2.0, 1.0: 2.0})
    assert found.width == pytest.approx(1.0)
