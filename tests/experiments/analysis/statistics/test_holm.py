import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.statistics.holm import adjusted, levels

P_VALUES = st.lists(st.floats(0, 1), max_size=20)


def sequentially(p_values, alpha):
    """Holm's procedure as his paper states it: reject one after another until one stands."""
    rejected = set()
    remaining = list(range(len(p_values)))
    while remaining:
        least = min(remaining, key=lambda index: p_values[index])
        if p_values[least] > alpha / len(remaining):
            break
        rejected.add(least)
        remaining.remove(least)
    return rejected


def test_by_hand():
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted([0.9, 0.8]) == [1, 1]
    assert adjusted([]) == []
    # 0.01 is tested at 0.05/3; 0.03 at 0.05/2 and stands, so that 0.04 is judged there too.
    assert levels([0.01, 0.04, 0.03]) == pytest.approx([0.05 / 3, 0.025, 0.025])


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_it_is_holms_procedure(p_values, alpha):
    expected = sequentially(p_values, alpha)
    tested = levels(p_values, alpha)
    assert {i for i, p in enumerate(p_values) if p <= tested[i]} == expected
    close = any(abs(p - alpha) < 1e-9 for p in adjusted(p_values))
    assert close or {i for i, p in enumerate(adjusted(p_values)) if p <= alpha} == expected


@given(P_VALUES)
def test_adjusted_values_keep_the_order_and_lie_between_none_and_bonferroni(p_values):
    found = adjusted(p_values)
    for raw, corrected in zip(p_values, found, strict=True):
        assert raw <= corrected <= 1
        assert corrected <= min(1, raw * len(p_values)) or corrected <= max(found)
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()


def test_one_chance_in_twenty_for_all_of_them_together():
    generator = np.random.default_rng(0)
    draws = generator.uniform(size=(4000, 6))
    wrong = np.mean([min(adjusted(draw)) <= 0.05 for draw in draws])
    assert wrong == pytest.approx(0.05, abs=0.01)
