"""Parquet files are read as the CSV files with the same cells are."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.datasets import Notation, read_table
from experiments.datasets.reading import parquet_file
from experiments.errors import DataError

LARGE = 2**53 + 1

FRAME = pd.DataFrame(
    {
        " whole": [1, 2, 3],
        "gap": pd.array([LARGE, None, 3], "Int64"),
        "real": [0.5, np.nan, 1.5],
        "flag": [True, False, True],
        "text": ["a ", None, "NA"],
        "category": pd.Categorical(["x", "y", "x"]),
        "date": pd.to_datetime(["2024-01-01", "2024-02-03", "2024-03-04"]),
    }
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table"  # the contents say what it is
    FRAME.set_index(pd.Index([5, 6, 7])).to_parquet(path)
    return path


def test_columns_have_their_types(path: Path) -> None:
    table = read_table(path)
    notation = Notation(decimal=",")  # which is for text
    assert list(table) == ["whole", *list(FRAME)[1:]]
    assert table.rows == 3
    for name, values in {
        "whole": [1, 2, 3],
        "gap": [LARGE, np.nan, 3],
        "real": [0.5, np.nan, 1.5],
        "flag": [1, 0, 1],
    }.items():
        np.testing.assert_array_equal(notation.numbers(table[name])[0], np.array(values, float))
        assert notation.numbers(table[name])[1] is None
    assert notation.texts(table["gap"]).tolist() == [LARGE, "", 3]
    assert notation.texts(table["text"]).tolist() == ["a", "", ""]
    assert notation.texts(table["category"]).tolist() == ["x", "y", "x"]
    assert [text[:10] for text in table["date"]] == ["2024-01-01", "2024-02-03", "2024-03-04"]
    assert table.where(1, "gap").endswith("table, row 2, column 'gap'")


def test_rows_are_taken(path: Path) -> None:
    table = read_table(path).take(np.array([0, 2]))
    assert table.rows == 2
    assert list(table["category"]) == ["x", "x"]
    assert table["whole"].tolist() == [1, 3]


def test_without_pyarrow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"read with pyarrow, which is not installed"):
        read_table(path)


def test_what_does_not_fit_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "available_memory", lambda: 1)
    with pytest.raises(DataError, match=r"needs about .* of memory"):
        read_table(path)


def test_a_damaged_file(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-200:-8] = bytes(192)
    path.write_bytes(content)
    with pytest.raises(DataError, match="the Parquet file cannot be read"):
        read_table(path)


def test_columns_that_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [[1, 2], [3]]}).to_parquet(path)
    with pytest.raises(DataError, match=r"table\.parquet: .*plain columns"):
        read_table(path)
    pd.DataFrame({"a": []}).to_parquet(path)
    with pytest.raises(DataError, match="there are no rows"):
        read_table(path)
