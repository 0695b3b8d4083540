"""Rows that are read from one table and scaled by each split's own statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.table_rows import Scaling, TableRows

RNG = np.random.default_rng(0)
CHOSEN = np.array([RNG.permutation(9)[:6] for _ in range(3)])


def statistics(dtype: str, *, fills: bool, moves: bool = True) -> list[Scaling]:
    center = RNG.normal(size=(3, 4)).astype(dtype) * moves
    scale = RNG.uniform(0.1, 3, size=(3, 4)).astype(dtype)
    fill = RNG.normal(size=(3, 4)).astype(dtype)
    return [Scaling(center[i], scale[i], fill[i] if fills else None) for i in range(3)]


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("fills", [True, False])
@pytest.mark.parametrize(("raw", "arithmetic"), [("uint8", "float32"), ("float64", "float64")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_have_the_bits_of_parts_scaled_by_themselves(
    raw: str, arithmetic: str, dtype: str, fills: bool, moves: bool
) -> None:
    table = (RNG.uniform(0, 255, size=(9, 4))).astype(raw)
    if fills and raw == "float64":
        table[RNG.random(table.shape) < 0.3] = np.nan
    scalings = statistics(arithmetic, fills=fills, moves=moves)
    own = [2, 0, 2, 1]
    rows = TableRows(table, CHOSEN, Scaling.stack(scalings), dtype, own)
    ready = []
    for split in own:
        values = table[CHOSEN[split]].astype(arithmetic)
        if fills:
            values = np.where(np.isnan(values), scalings[split].fill, values)
        ready.append(((values - scalings[split].center) / scalings[split].scale).astype(dtype))
    order = np.array([RNG.permutation(6) for _ in own])
    taken = rows.take(rows.places(order))
    assert taken.dtype == dtype
    assert taken.tobytes() == np.stack([x[o] for x, o in zip(ready, order, strict=True)]).tobytes()
    assert rows.whole().tobytes() == np.stack(ready).tobytes()
    assert rows.block(slice(2, 5)).tobytes() == np.stack([x[2:5] for x in ready]).tobytes()
    kept = rows.keep([3, 0])
    assert kept.whole().tobytes() == np.stack([ready[3], ready[0]]).tobytes()


def test_rows_of_a_table_that_all_runs_share_are_no_copies() -> None:
    table = RNG.normal(size=(9, 4))
    rows = TableRows(table).of([0, 0])
    assert np.shares_memory(rows.whole(), table)
    assert np.shares_memory(rows.block(slice(3, 7)), table)
    order = np.arange(6).reshape(2, 3)
    assert rows.places(order) is order
    assert (rows.take(order) == table[order]).all()


@given(st.integers(0, 2), st.integers(0, 2))
def test_scalings_are_equal_if_all_their_numbers_are(one: int, other: int) -> None:
    scalings = statistics("float64", fills=True)
    assert scalings[one].equals(scalings[other]) == (one == other)
    assert not scalings[one].equals(Scaling(scalings[one].center, scalings[one].scale))
