import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import repeated_comparisons
from scipy import stats

from experiments.analysis.pairs import ALPHA, compare_pairs
from experiments.analysis.statistics import equivalence, holm

LOSSES = st.dictionaries(
    st.sampled_from("abcde"),
    st.dictionaries(st.integers(0, 7), st.floats(0, 3), max_size=8),
    max_size=5,
)


def seeded(values, first=0):
    return dict(enumerate(values, start=first))


def found(pairs, first, second):
    (pair,) = [pair for pair in pairs if {pair.first, pair.second} == {first, second}]
    return pair


def test_few_seeds_by_scipys_paired_test_and_holm():
    generator = np.random.default_rng(0)
    effect = generator.normal(size=5)
    values = {
        name: seeded(effect + generator.normal(shift, 0.3, size=5))
        for name, shift in (("adam", 0), ("rmsprop", 0.1), ("sgd", 2))
    }
    pairs = compare_pairs(values, metric="loss")
    raw = [
        stats.ttest_rel(list(values[p.first].values()), list(values[p.second].values())).pvalue
        for p in pairs
    ]
    assert [pair.p_value for pair in pairs] == pytest.approx(raw)
    assert [pair.adjusted_p for pair in pairs] == pytest.approx(holm.adjusted(raw))
    assert found(pairs, "adam", "sgd").separated
    assert found(pairs, "rmsprop", "sgd").separated
    assert not found(pairs, "adam", "rmsprop").separated
    reference = stats.ttest_rel(list(values["adam"].values()), list(values["sgd"].values()))
    low, high = reference.confidence_interval(0.95)
    interval = found(pairs, "adam", "sgd").difference
    assert (interval.low, interval.high) == pytest.approx((low, high))


@given(LOSSES, st.booleans())
def test_what_is_printed_agrees_with_itself(values, higher):
    pairs = compare_pairs(values, metric="m", higher=higher)
    filled = [label for label in values if values[label]]
    assert len(pairs) == math.comb(len(filled), 2)
    for pair in pairs:
        close = abs(pair.adjusted_p - ALPHA) < 1e-9
        assert close or pair.separated == (pair.adjusted_p <= ALPHA)
        assert close or pair.separated == (not pair.adjusted.covers(0))
        assert pair.difference.value == pair.adjusted.value
        assert pair.adjusted.low <= pair.difference.low
        assert pair.adjusted.high >= pair.difference.high
        assert pair.improvement.covers(pair.improvement.value)
        difference = pair.difference.value
        assert difference == 0 or (difference < 0) != higher  # the first is better


@given(LOSSES)
def test_the_order_of_the_groups_does_not_matter(values):
    def told(pairs):
        return {(frozenset((p.first, p.second)), p.separated, round(p.p_value, 12)) for p in pairs}

    turned = dict(reversed(values.items()))
    assert told(compare_pairs(values, metric="m")) == told(compare_pairs(turned, metric="m"))


def test_higher_is_better_where_it_is():
    values = {"a": seeded([0.1, 0.2, 0.15]), "b": seeded([0.9, 0.95, 0.92])}
    (pair,) = compare_pairs(values, metric="accuracy", higher=True)
    assert (pair.first, pair.second) == ("b", "a")
    assert pair.difference.value > 0
    assert pair.improvement.value == 1


def test_common_seeds_are_paired_and_others_are_not():
    effect = np.linspace(0, 5, 8)
    values = {"a": seeded(effect), "b": seeded(effect[2:] + [0.1, 0.12] * 3, first=2)}
    (pair,) = compare_pairs(values, metric="m")
    assert pair.paired
    assert pair.seeds == (2, 3, 4, 5, 6, 7)
    assert pair.separated  # by 0.11 on each seed, though the seeds themselves differ by 5
    (apart,) = compare_pairs({"a": seeded(effect), "b": seeded(effect + 0.1, first=50)}, metric="m")
    assert not apart.paired
    assert apart.seeds == ()
    assert not apart.separated
    reference = stats.ttest_ind(effect, effect + 0.1, equal_var=False)
    assert apart.p_value >= reference.pvalue


def test_ties_single_seeds_and_seeds_that_all_agree():
    pairs = compare_pairs(
        {"a": seeded([1.0] * 10), "b": seeded([1.0] * 10), "c": seeded([0.5] * 10)}, metric="m"
    )
    assert not found(pairs, "a", "b").separated
    assert found(pairs, "a", "b").improvement.value == 0.5
    assert found(pairs, "a", "b").seeds_needed is None
    assert found(pairs, "a", "c").separated  # ten of ten, by the sign test
    (alone,) = compare_pairs({"a": {0: 1.0}, "b": {0: 9.0}}, metric="m")
    assert not alone.separated
    assert alone.p_value == 1
    assert (alone.adjusted.low, alone.adjusted.high) == (-math.inf, math.inf)
    (short,) = compare_pairs({"a": seeded([1.0] * 4), "b": seeded([2.0] * 4)}, metric="m")
    assert not short.separated
    assert short.adjusted.covers(0)


def test_as_many_seeds_as_are_asked_for_find_the_difference_four_times_in_five():
    generator = np.random.default_rng(6)
    differences = generator.normal(0.4, 1, size=10)
    (pair,) = compare_pairs({"a": seeded([0.0] * 10), "b": seeded(differences)}, metric="m")
    assert not pair.separated
    more = generator.normal(
        differences.mean(), differences.std(ddof=1), size=(10_000, pair.seeds_needed)
    )
    power = np.mean(stats.ttest_1samp(more, 0, axis=1).pvalue < ALPHA)
    assert 0.78 <= power <= 0.84


def test_copies_are_not_separated_and_a_harmful_setting_always_is():
    copies, harmed = repeated_comparisons(300).values()
    assert copies <= 0.06
    assert harmed == 1


@pytest.mark.slow
def test_copies_are_not_separated_in_the_long_run():
    copies, harmed = repeated_comparisons(4000).values()
    assert copies <= 0.05
    assert harmed == 1


def test_all_true_nulls_together_are_wrong_once_in_twenty():
    generator = np.random.default_rng(2)
    wrong = []
    for _ in range(300):
        effect = generator.normal(size=10)
        values = {name: seeded(effect + generator.normal(size=10)) for name in "abcd"}
        wrong.append(any(pair.separated for pair in compare_pairs(values, metric="m")))
    assert np.mean(wrong) <= 0.06


def test_pairing_is_what_finds_small_differences():
    generator = np.random.default_rng(3)
    effect = generator.normal(size=10)
    values = {
        "a": seeded(effect + 0.05 * generator.normal(size=10)),
        "b": seeded(effect + 0.2 + 0.05 * generator.normal(size=10)),
    }
    assert compare_pairs(values, metric="m")[0].separated
    shifted = {"a": values["a"], "b": {seed + 50: value for seed, value in values["b"].items()}}
    assert not compare_pairs(shifted, metric="m")[0].separated


def test_pairs_are_in_the_order_of_the_means():
    values = {name: seeded([place, place + 0.1]) for place, name in enumerate("dbca")}
    assert [(p.first, p.second) for p in compare_pairs(values, metric="m")] == list(
        itertools.combinations("dbca", 2)
    )


def test_the_example_of_the_protocol_page():
    adam, sgd = [0.08, 0.1, 0.12, 0.09, 0.11], [0.091, 0.108, 0.133, 0.098, 0.12]
    (pair,) = compare_pairs({"adam": seeded(adam), "sgd": seeded(sgd)}, metric="loss")
    assert pair.difference.value == pytest.approx(-0.010)
    assert pair.p_value == pytest.approx(0.0005, abs=5e-5)
    apart = compare_pairs({"adam": seeded(adam), "sgd": seeded(sgd, first=50)}, metric="loss")
    assert apart[0].p_value == pytest.approx(0.36, abs=5e-3)


def test_a_margin_makes_pairs_equivalent_or_undecided():
    noise = np.random.default_rng(4).normal(size=(4, 10)) * 0.01
    means = {"a": 0.0, "b": 0.001, "c": 0.05, "d": 0.1}
    values = {
        name: seeded(shift + own) for (name, shift), own in zip(means.items(), noise, strict=True)
    }
    pairs = compare_pairs(values, metric="m", margin=0.05)
    verdicts = {pair.first + pair.second: pair.verdict for pair in pairs}
    assert verdicts["ab"] == "equivalent"
    assert verdicts["ad"] == verdicts["bd"] == "separated"
    without = compare_pairs(values, metric="m")
    assert {pair.verdict for pair in without} == {"separated", "not separated"}
    assert [pair.adjusted for pair in pairs] == [pair.adjusted for pair in without]


def test_a_difference_that_surely_does_not_matter_is_no_separation():
    noise = np.random.default_rng(5).normal(size=10) * 0.001
    values = {"a": seeded(noise), "b": seeded(0.01 + noise[::-1])}
    (pair,) = compare_pairs(values, metric="m", margin=0.1)
    assert pair.separated
    assert pair.verdict == "equivalent"
    assert not pair.first_is_better


def test_an_undecided_pair_says_how_many_seeds_settle_it():
    noise = np.random.default_rng(6).normal(size=(2, 6))
    values = {"a": seeded(noise[0]), "b": seeded(0.1 + noise[1])}
    (pair,) = compare_pairs(values, metric="m", margin=1.0)
    (without,) = compare_pairs(values, metric="m")
    assert pair.verdict == "undecided"
    assert 6 < pair.seeds_needed < (without.seeds_needed or 10**5)


def test_pairs_without_spread_or_difference_say_how_many_seeds_settle_them_if_they_can():
    (tied,) = compare_pairs({"a": seeded([1.0] * 5), "b": seeded([1.0] * 5)}, metric="m", margin=1)
    assert tied.verdict == "undecided"
    assert tied.seeds_needed is None
    (alone,) = compare_pairs({"a": {0: 1.0}, "b": {0: 1.0}}, metric="m", margin=1)
    assert alone.seeds_needed is None
    even = {"a": seeded([1.0, 2.0, 3.0, 4.0]), "b": seeded([2.0, 1.0, 4.0, 3.0])}
    (pair,) = compare_pairs(even, metric="m", margin=1)
    assert pair.verdict == "undecided"
    assert pair.difference.value == 0
    needed = equivalence.seeds_to_equivalence(0, 1 / pair.spread)
    assert pair.seeds_needed == needed > 4
    (without,) = compare_pairs(even, metric="m")
    assert without.seeds_needed is None


def test_the_seeds_that_both_have_say_which_group_is_better():
    easy = dict.fromkeys(range(6, 12), 0.1)
    values = {"a": seeded([1 + 0.01 * seed for seed in range(6)]) | easy}
    values["b"] = seeded([0.9 + 0.012 * seed for seed in range(6)])
    for order in (values, dict(reversed(values.items()))):
        (pair,) = compare_pairs(order, metric="m")
        assert pair.separated
        assert (pair.first, pair.second) == ("b", "a")  # though the mean of all seeds of a is lower
        assert pair.better == "b"
        assert pair.adjusted.high < 0


def test_looks_divide_the_levels():
    noise = np.random.default_rng(7).normal(size=(3, 10))
    values = {name: seeded(own) for name, own in zip("abc", noise, strict=True)}
    once = compare_pairs(values, metric="m", margin=2.0)
    thrice = compare_pairs(values, metric="m", margin=2.0, looks=3)
    for one, three in zip(once, thrice, strict=True):
        assert three.adjusted_p == pytest.approx(min(1, 3 * one.adjusted_p))
        assert three.equivalence_p == pytest.approx(min(1, 3 * one.equivalence_p))
        assert three.separated == (three.adjusted_p <= ALPHA)
        assert three.adjusted.covers(0) != three.separated


def test_overlapping_splits_widen_every_interval():
    noise = np.random.default_rng(8).normal(size=(2, 10))
    values = {"a": seeded(noise[0]), "b": seeded(3 + noise[1])}
    (apart,) = compare_pairs(values, metric="m")
    (shared,) = compare_pairs(values, metric="m", overlap=1 / 3)
    widths = [one.difference.high - one.difference.low for one in (apart, shared)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(1 + 10 / 3))  # Nadeau and Bengio's
    assert shared.spread == pytest.approx(apart.spread)
    assert (
        compare_pairs({**values, "b": seeded(0.5 + noise[1])}, metric="m", overlap=1 / 3)[
            0
        ].seeds_needed
        is None
    )  # no number of seeds makes up for splits that overlap
