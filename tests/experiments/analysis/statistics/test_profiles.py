import math

import numpy as np
import pytest

from experiments.analysis.statistics.profiles import performance_profiles

TIMES = {
    "adam": {"digits": {0: 4.0, 1: 6.0}, "wine": {0: 10.0, 1: 10.0}},
    "sgd": {"digits": {0: 8.0, 1: 6.0}, "wine": {0: math.inf, 1: 5.0}},
}


def test_by_hand():
    profiles = {one.label: one for one in performance_profiles(TIMES)}
    # Adam's ratios are 1, 1, 1 and 2; SGD's 2, 1, infinity and 1.
    assert profiles["adam"].factors == (1.0, 2.0)
    assert profiles["adam"].shares == (0.75, 1.0)
    assert profiles["sgd"].shares == (0.5, 0.75)
    # Up to a factor of 4: half of the axis at each of the two heights.
    assert profiles["adam"].area == pytest.approx((0.75 + 1.0) / 2)
    assert profiles["sgd"].area == pytest.approx((0.5 + 0.75) / 2)
    assert [one.label for one in performance_profiles(TIMES)] == ["adam", "sgd"]


def test_they_are_the_shares_counted_one_by_one():
    generator = np.random.default_rng(0)
    times = {
        name: {"a": dict(enumerate(generator.integers(1, 30, size=8).astype(float)))}
        for name in ("x", "y", "z")
    }
    table = np.array([list(group["a"].values()) for group in times.values()])
    ratios = table / table.min(axis=0)
    for row, name in zip(ratios, times, strict=True):
        (found,) = [one for one in performance_profiles(times) if one.label == name]
        for factor, share in zip(found.factors, found.shares, strict=True):
            assert share == pytest.approx(np.mean(row <= factor))


def test_every_dataset_counts_the_same_however_many_seeds_it_has():
    times = {
        "x": {"a": {0: 1.0}, "b": dict.fromkeys(range(9), 2.0)},
        "y": {"a": {0: 2.0}, "b": dict.fromkeys(range(9), 1.0)},
    }
    assert [one.shares[0] for one in performance_profiles(times)] == pytest.approx([0.5, 0.5])


def test_a_problem_that_nobody_solves_and_a_target_met_before_training():
    missed = {"x": {"a": {0: math.inf}}, "y": {"a": {0: math.inf}}}
    assert [one.shares for one in performance_profiles(missed)] == [(0.0,), (0.0,)]
    at_once = {"x": {"a": {0: 0.0}}, "y": {"a": {0: 3.0}}}
    assert [one.shares[0] for one in performance_profiles(at_once)] == [1.0, 0.0]
