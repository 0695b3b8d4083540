"""Numbers and missing values as tables write them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets import Notation
from experiments.datasets.reading.text_column import TextColumn, TextStore
from experiments.errors import ConfigError

GERMAN = Notation(decimal=",", thousands=".")
ENGLISH = Notation(thousands=",")
FRENCH = Notation(decimal=",", thousands=" ")
SWISS = Notation(thousands="'")


def packed(*cells: str) -> TextColumn:
    column = TextColumn(TextStore())
    for start in range(0, len(cells), 3):  # several packs
        column.extend(cells[start : start + 3])
    return column


@pytest.mark.parametrize(
    ("notation", "cell", "value"),
    [
        (Notation(), "1.5", 1.5),
        (Notation(), " -1.5e3 ", -1500),
        (Notation(), "inf", math.inf),
        (Notation(), "\u22125", -5),
        (Notation(decimal=","), "1,5", 1.5),
        (Notation(decimal=","), "-,5", -0.5),
        (Notation(decimal=","), "15", 15),
        (Notation(decimal=","), "1,5e-3", 0.0015),
        (ENGLISH, "1,234,567.5", 1234567.5),
        (ENGLISH, "-1,234", -1234),
        (ENGLISH, "1234", 1234),
        (ENGLISH, "12,34,567", 1234567),  # as in India
        (GERMAN, "1.234,5", 1234.5),
        (GERMAN, "1.234.567", 1234567),
        (FRENCH, "1 234,5", 1234.5),
        (FRENCH, "1\u202f234\u00a0567", 1234567),
        (SWISS, "1'234.5", 1234.5),
        (SWISS, "1’234", 1234),
    ],
)
def test_a_number_is_read(notation: Notation, cell: str, value: float) -> None:
    assert notation.number(cell) == value
    for column in (packed(cell, "7"), np.array([cell, "7"], object), np.array([cell, "7"])):
        values, wrong = notation.numbers(column)
        assert (values.tolist(), wrong) == ([value, 7], None)


@pytest.mark.parametrize(
    ("notation", "cell"),
    [
        (Notation(), "1,5"),
        (Notation(), "1_000"),
        (Notation(), "-nan"),
        (Notation(), "1.#IND"),
        (Notation(missing=()), "nan"),
        (Notation(decimal=","), "1.5"),
        (Notation(decimal=","), "1_0"),
        (ENGLISH, "1,5"),
        (ENGLISH, "1,2345"),
        (ENGLISH, "0,123"),
        (ENGLISH, ",123"),
        (ENGLISH, "1.234,567"),
        (GERMAN, "1.5"),
        (GERMAN, "12.05.2024"),
        (GERMAN, "192.168.1.100"),
        (FRENCH, "12 34"),
    ],
)
def test_another_text_is_no_number(notation: Notation, cell: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        notation.number(cell)
    values, wrong = notation.numbers(packed("7", "7", "7", cell, "7"))
    np.testing.assert_array_equal(values, [7, 7, 7, np.nan, 7])
    assert wrong == 3


@given(st.lists(st.floats(allow_nan=False) | st.integers(-(10**20), 10**20), max_size=7))
def test_every_number_of_python_is_read_to_the_bit(values: list[float]) -> None:
    cells = [repr(value) for value in values]
    read, wrong = Notation().numbers(packed(*cells))
    assert wrong is None
    assert read.tolist() == [float(value) for value in values]
    with_comma = [cell.replace(".", ",") for cell in cells]
    assert Notation(decimal=",").numbers(packed(*with_comma))[0].tolist() == read.tolist()


@pytest.mark.parametrize("column", [packed, lambda *cells: np.array(cells, object)])
def test_missing_values(column: Any) -> None:
    cells = column("1", "", "na", "N/A", "None", "?", "2")
    assert Notation().gaps(cells).tolist() == [False, True, True, True, False, True, False]
    assert Notation().texts(cells).tolist() == ["1", "", "", "", "None", "", "2"]
    assert Notation(missing=()).gaps(cells).tolist() == [c == "" for c in cells]
    assert Notation(missing=("none",)).texts(cells).tolist() == [
        "1", "", "na", "N/A", "", "?", "2",
    ]  # fmt: skip


def test_a_number_may_mean_a_missing_value() -> None:
    notation = Notation(missing=("-999",))
    for cells in (packed("1", "-999", "-999.0"), np.array([1, -999, -999.0])):
        values, wrong = notation.numbers(cells)
        np.testing.assert_array_equal(values, [1, np.nan, np.nan])
        assert wrong is None
    assert notation.gaps(np.array([1, -999])).tolist() == [False, True]


def test_objects_of_other_libraries() -> None:
    cells = np.array([1, "2", None, pd.NA, pd.NaT, np.nan, np.float32(0.5), True], object)
    values, wrong = Notation().numbers(cells)
    np.testing.assert_array_equal(values, [1, 2, np.nan, np.nan, np.nan, np.nan, 0.5, 1])
    assert wrong is None


@pytest.mark.parametrize(
    ("notation", "cells", "settings"),
    [
        (Notation(), ["4,0", "1,5", "12"], ["dataset.decimal=','"]),
        (Notation(), ["1,234", "5,678"], ["dataset.decimal=','", "dataset.thousands=','"]),
        (Notation(), ["1,234", "5,678.5"], ["dataset.thousands=','"]),
        (Notation(), ["1,234,567"], ["dataset.thousands=','"]),
        (Notation(), ["1.234,5"], ["dataset.decimal=',' dataset.thousands='.'"]),
        (Notation(), ["1 234"], ["dataset.thousands=' '"]),
        (Notation(), ["1'234"], ['dataset.thousands="\'"']),
        (Notation(decimal=","), ["1.5", "2.5"], ["dataset.decimal='.'"]),
        (ENGLISH, ["1,5", "2,25"], ["dataset.decimal=',' dataset.thousands=null"]),
        (Notation(), ["red", "blue", "1,5"], []),
        (Notation(), ["1,2,3", "4,5"], ["dataset.decimal=','"]),
        (Notation(), ["1.5", "2"], []),
        (Notation(), ["", "NA"], []),
        (Notation(), [], []),
    ],
)
def test_the_notation_that_would_read_a_column_is_named(
    notation: Notation, cells: list[str], settings: list[str]
) -> None:
    assert list(map(notation.settings, notation.alternatives(cells))) == settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ""}, "dataset.decimal is ''"),
        ({"decimal": "::"}, "dataset.decimal is '::'"),
        ({"decimal": "e"}, "dataset.decimal is 'e'"),
        ({"thousands": "0"}, "dataset.thousands is '0'"),
        ({"thousands": "-"}, "dataset.thousands is '-'"),
        ({"thousands": "."}, "are both '.'"),
    ],
)
def test_marks_that_cannot_be_told_apart_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Notation(**options)


def test_it_is_stored_as_plain_values() -> None:
    for notation in (Notation(), GERMAN, Notation(missing=())):
        assert Notation.from_plain(notation.to_plain()) == notation
