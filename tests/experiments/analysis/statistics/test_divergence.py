from experiments.analysis.statistics.divergence import (
    AT_CHANCE,
    NON_FINITE,
    WORSE_THAN_START,
    Divergences,
    chance_accuracy,
    classify,
    count,
)


def test_a_run_is_counted_in_the_first_class_that_is_true_of_it():
    assert classify(finite=False, start=1, end=9, score=0.1, chance=0.1) == NON_FINITE
    assert classify(finite=True, start=1, end=9, score=0.1, chance=0.1) == WORSE_THAN_START
    assert classify(finite=True, start=1, end=0.9, score=0.1, chance=0.1) == AT_CHANCE
    assert classify(finite=True, start=1, end=0.9, score=0.5, chance=0.1) is None
    assert classify(finite=True, start=None, end=None) is None


def test_counts():
    found = count([None, NON_FINITE, AT_CHANCE, None, NON_FINITE, WORSE_THAN_START])
    assert found == Divergences(6, 2, 1, 1)
    assert found.total == 4


def test_guessing_among_ten_classes_on_a_hundred_rows():
    # A tenth, and twice the square root of 0.1 · 0.9 / 100.
    assert chance_accuracy(10, 100) == 0.1 + 2 * 0.03
