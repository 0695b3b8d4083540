"""Packed text gives back every cell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets.reading.text_column import TextColumn, TextStore, mapped

CELLS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=4), max_size=6)


def column_of(*packs: list[str]) -> TextColumn:
    column = TextColumn(TextStore())
    for pack in packs:
        column.extend(pack)
    return column


@given(st.lists(CELLS, max_size=4), st.data())
def test_it_is_a_sequence_of_its_cells(packs: list[list[str]], data: st.DataObject) -> None:
    column = column_of(*packs)
    cells = [cell for pack in packs for cell in pack]
    assert len(column) == len(cells)
    assert list(column) == cells
    assert [column[row] for row in range(len(cells))] == cells
    assert np.asarray(column).tolist() == cells
    rows = [row for row in range(len(cells)) if data.draw(st.booleans())]
    assert list(column.take(np.array(rows, np.intp), TextStore())) == [cells[row] for row in rows]


def test_equal_cells_are_mapped_once_and_share_a_string() -> None:
    calls: list[str] = []

    def exclaimed(cell: str) -> str:
        calls.append(cell)
        return cell + "!"

    result = mapped(column_of(["a", "b"], ["a"]), exclaimed)
    assert result.tolist() == ["a!", "b!", "a!"]
    assert calls == ["a", "b"]
    assert result[0] is result[2]


@pytest.mark.parametrize("cells", [["a\0b"], ["", "\0"], ["\0"]])
def test_a_separator_within_a_cell_is_refused(cells: list[str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        column_of(cells)
