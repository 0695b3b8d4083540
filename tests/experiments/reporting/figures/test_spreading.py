from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from experiments.reporting.figures.spreading import spread


def test_labels_with_room_stay_where_they_are():
    assert spread([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread([], 0.1) == []
    assert spread([0.3], 0.1) == [0.3]


def test_two_at_one_place_move_apart_evenly():
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    assert spread([1.0, 1.0], 0.1) == pytest.approx([0.9, 1.0])


def test_too_many_labels_are_spaced_evenly():
    assert spread([0.5] * 5, 0.5) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=14))
def test_labels_never_overlap_leave_the_axis_or_change_order(wanted):
    placed = spread(wanted, 0.06)
    assert min(placed) >= -1e-9
    assert max(placed) <= 1 + 1e-9
    ordered = [position for _, position in sorted(zip(wanted, placed, strict=True))]
    assert all(after - before >= 0.06 - 1e-9 for before, after in pairwise(sorted(placed)))
    assert ordered == sorted(placed)


def test_no_placement_is_nearer_in_the_sense_of_least_squares():
    wanted = np.sort(np.random.default_rng(1).uniform(0.7, 1, size=8))
    gaps = [
        {"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - 0.08}
        for i in range(len(wanted) - 1)
    ]
    best = minimize(
        lambda x: ((x - wanted) ** 2).sum(),
        np.linspace(0, 1, 8),
        bounds=[(0, 1)] * 8,
        constraints=gaps,
        tol=1e-12,
    )
    assert spread(wanted.tolist(), 0.08) == pytest.approx(best.x, abs=1e-4)
