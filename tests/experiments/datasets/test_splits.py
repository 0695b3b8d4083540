import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets.splits import split_published, split_rows, whole_population
from experiments.errors import DataError

classes = st.lists(st.integers(0, 4), min_size=3, max_size=120).map(lambda v: np.array(v, np.int64))
shares = st.floats(0.01, 0.49)
limits = st.none() | st.integers(3, 150)


def parts(split):
    return [split.train, split.validation, split.test]


@given(classes, st.booleans(), st.integers(0, 2**40), limits, shares, shares)
def test_parts_are_a_partition_of_the_chosen_rows(labels, stratified, seed, limit, val, test):
    split = split_rows(
        len(labels),
        labels if stratified else None,
        seed=seed,
        limit=limit,
        validation=val,
        test=test,
    )
    together = np.concatenate(parts(split))
    assert len(set(together.tolist())) == len(together) == min(len(labels), limit or len(labels))
    assert together.min() >= 0
    assert together.max() < len(labels)
    assert all(len(part) >= 1 for part in parts(split))


@given(classes, st.integers(0, 99), limits, shares, shares)
def test_training_has_each_class_of_which_there_are_two_or_a_held_out_row_elsewhere(
    labels, seed, limit, val, test
):
    split = split_rows(len(labels), labels, seed=seed, limit=limit, validation=val, test=test)
    chosen = np.concatenate(parts(split))
    absent = set(labels[chosen]) - set(labels[split.train])
    # Each held-out part needs a row; only where no class could spare one is a class lost.
    assert len(absent) <= 2
    if np.all(np.bincount(labels[chosen])[np.unique(labels[chosen])] >= 3):
        assert not absent


@given(st.integers(0, 50), st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_each_class_has_its_share_to_within_a_row(seed, validation, test):
    labels = np.repeat([0, 1, 2], [100, 60, 30])
    split = split_rows(190, labels, seed=seed, limit=None, validation=validation, test=test)
    assert len(split.test) == round(190 * test)
    assert len(split.validation) == round(190 * validation)
    for part in (split.test, split.validation):
        counts = np.bincount(labels[part], minlength=3)
        ideal = len(part) * np.array([100, 60, 30]) / 190
        assert np.abs(counts - ideal).max() < 2


def test_seed_decides_and_zero_is_a_seed():
    def split(seed):
        return split_rows(100, None, seed=seed, limit=50, validation=0.2, test=0.2)

    for first, again in zip(parts(split(0)), parts(split(0)), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(split(0).train, split(1).train)


def test_parts_are_shuffled_because_tables_are_often_sorted():
    labels = np.repeat([0, 1], 50)
    split = split_rows(100, labels, seed=0, limit=None, validation=0.2, test=0.2)
    assert len(set(labels[split.train[:10]])) == 2


def test_limit_takes_a_row_of_each_class_first():
    labels = np.repeat([0, 1, 2, 3], [1000, 10, 10, 1])
    split = split_rows(1021, labels, seed=3, limit=12, validation=0.1, test=0.1)
    chosen = np.concatenate(parts(split))
    assert sorted(np.unique(labels[chosen])) == [0, 1, 2, 3]
    assert len(chosen) == 12


def test_fewer_than_three_rows_cannot_be_split():
    with pytest.raises(DataError, match="2 rows cannot be split"):
        split_rows(2, None, seed=0, limit=None, validation=0.1, test=0.1)


@given(classes, classes, st.integers(0, 99), limits, shares)
def test_published_test_set_is_kept(train, test, seed, limit, validation):
    split = split_published(train, test, seed=seed, limit=limit, validation=validation)
    most = limit or 10**9
    assert len(split.train) + len(split.validation) == min(len(train), most)
    assert not set(split.train.tolist()) & set(split.validation.tolist())
    assert max(split.train.max(), split.validation.max()) < len(train)
    assert len(split.test) == min(len(test), most)
    assert split.test.min() >= len(train)
    assert split.test.max() < len(train) + len(test)
    if limit is None:
        np.testing.assert_array_equal(split.test, len(train) + np.arange(len(test)))


def test_whole_population_is_in_every_part():
    for part in parts(whole_population(4)):
        np.testing.assert_array_equal(part, [0, 1, 2, 3])


@given(st.integers(3, 90), limits, st.just(0) | shares, shares)
def test_a_split_by_position_is_the_rows_in_their_order(rows, limit, validation, test):
    used = min(rows, limit or rows)
    tested = max(1, round(used * test))
    validated = max(1, round(used * validation)) if validation else 0
    asked = {"seed": 0, "limit": limit, "validation": validation, "test": test}
    if tested + validated >= used:  # as of 4 rows with shares of 3/8, each of which is 2 rows
        with pytest.raises(DataError, match=f"{used} rows cannot be split"):
            split_rows(rows, None, method="position", **asked)
        return
    split = split_rows(rows, None, method="position", **asked)
    np.testing.assert_array_equal(np.concatenate(parts(split)), np.arange(used))
    assert len(split.test) == tested
    assert len(split.validation) == validated


@given(st.integers(0, 50), st.integers(3, 60), st.integers(0, 30), st.integers(1, 30))
def test_counts_are_kept_exactly(seed, training, validation, test):
    labels = np.arange(150) % 3
    counts = (training, validation, test)
    shared = {"seed": seed, "limit": None, "validation": 0.1, "test": 0.1, "counts": counts}
    drawn = split_rows(150, labels, **shared)
    assert tuple(map(len, parts(drawn))) == counts
    assert set(labels[drawn.train]) == {0, 1, 2}
    first = split_rows(150, labels, method="position", **shared)
    np.testing.assert_array_equal(np.concatenate(parts(first)), np.arange(sum(counts)))


def test_a_published_division_by_position():
    train, test = np.arange(60) % 10, np.arange(12) % 10
    split = split_published(
        train, test, seed=0, limit=None, validation=0.5, counts=(50, 10), method="position"
    )
    np.testing.assert_array_equal(split.train, np.arange(50))
    np.testing.assert_array_equal(split.validation, np.arange(50, 60))
    np.testing.assert_array_equal(split.test, np.arange(60, 72))


def test_a_validation_part_may_be_left_out():
    labels = np.repeat([0, 1], 10)
    split = split_rows(20, labels, seed=1, limit=None, validation=0, test=0.25)
    assert tuple(map(len, parts(split))) == (15, 0, 5)
    split = split_published(labels, labels, seed=1, limit=None, validation=0)
    assert tuple(map(len, parts(split))) == (20, 0, 20)
    assert sorted(split.train) == list(range(20))
    assert tuple(map(len, parts(whole_population(4, validates=False)))) == (4, 0, 4)


def test_counts_that_the_rows_do_not_have_are_refused():
    options = {"seed": 0, "limit": None, "validation": 0.1, "test": 0.1}
    with pytest.raises(DataError, match=r"counts=\[10,5,6\] asks for 21 rows, but there are 20"):
        split_rows(20, None, counts=(10, 5, 6), **options)
    with pytest.raises(DataError, match="a row of each class"):
        split_rows(20, np.arange(20) % 5, counts=(2, 3, 15), **options)
