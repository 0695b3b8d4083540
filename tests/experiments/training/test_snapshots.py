"""When snapshots are taken."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.training.snapshots import snapshot_epochs


@given(epochs=st.integers(1, 10_000), count=st.integers(2, 200))
@example(epochs=3, count=3)
@example(epochs=4, count=3)
@example(epochs=50, count=50)
def test_as_many_as_asked_for_from_the_start_to_the_end(epochs: int, count: int) -> None:
    found = list(snapshot_epochs(count, epochs, 64))
    assert len(found) == min(count, epochs + 1)
    assert (found[0], found[-1]) == (0, epochs)
    assert found == sorted(set(found))


@given(epochs=st.integers(1, 10_000), count=st.integers(2, 200))
def test_further_and_further_apart(epochs: int, count: int) -> None:
    found = list(snapshot_epochs(count, epochs, 64))
    gaps = [after - before for before, after in pairwise(found)]
    # Whole epochs: a gap may be one shorter than the one before it.
    assert all(after >= before - 1 for before, after in pairwise(gaps))


def test_geometric_where_epochs_allow() -> None:
    found = snapshot_epochs(12, 1024, 64)
    assert found == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]


@pytest.mark.parametrize(
    ("asked", "features", "count"), [("auto", 2, 50), ("auto", 1, 0), ("auto", 3, 0), (None, 2, 0)]
)
def test_without_being_asked_only_for_two_inputs(asked: Any, features: int, count: int) -> None:
    assert len(snapshot_epochs(asked, 2000, features)) == count
