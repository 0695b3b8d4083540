"""Columns in a narrow type are restored to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets.number_columns import NumberColumns

COLUMNS = st.lists(
    st.lists(
        st.integers(0, 300)
        | st.integers(-(2**15) - 1, 2**15)
        | st.floats()
        | st.floats(width=32)
        | st.sampled_from([-0.0, 0.0, 255, 256, 2**24 + 1, 1e39]),
        min_size=2,
        max_size=2,
    ),
    max_size=3,
)


@given(COLUMNS)
def test_numbers_are_restored_to_the_bit(columns: list[list[float]]) -> None:
    numbers = NumberColumns(2, 3)
    for column in columns:
        numbers.add(np.array(column, np.float64))
    expected = np.array(columns, np.float64).reshape(-1, 2).T
    restored = numbers.matrix.astype(np.float64)
    np.testing.assert_array_equal(restored, expected)
    np.testing.assert_array_equal(np.signbit(restored), np.signbit(expected))


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ([[0, 255], [1, 2]], np.uint8),
        ([[0, 255], [-1, 2]], np.int16),
        ([[-1, 2], [np.nan, 0.5]], np.float32),
        ([[0, 1], [0.1, 2], [3, 4]], np.float64),
    ],
)
def test_the_narrowest_type_is_taken(columns: list[list[float]], kind: type) -> None:
    numbers = NumberColumns(2, len(columns))
    for column in columns:
        numbers.add(np.array(column, np.float64))
    assert numbers.matrix.dtype == kind
