"""Dates as numbers, in training and in prediction."""

import datetime
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.datasets import Csv, Preprocessing
from experiments.datasets.reading.dates import FORMATS, days, example, formats_of, read_dates
from experiments.datasets.reading.notation import Notation
from experiments.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("1970-01-01", "iso", 0),
        ("1969-12-31", "iso", -1),
        ("20240301", "iso", 19783),  # 54 years with 13 leap days before, and 60 days
        ("2024-03-01T12:00", "iso", 19783.5),
        ("2024-03-01 06:00:00Z", "iso", 19783.25),
        ("2024-03-01T02:00+02:00", "iso", 19783),
        ("2024/03/01 18:00:00.0", "%Y/%m/%d", 19783.75),
        ("1.3.2024", "%d.%m.%Y", 19783),
        ("03/01/24 12:00", "%m/%d/%y", 19783.5),
        ("01/03/2024", "%d/%m/%Y", 19783),
        ("2024-03", "%Y-%m", 19783),
        ("1 Mar 2024", "%d %b %Y", 19783),
        ("March 1, 2024 6:00", "%B %d, %Y", 19783.25),
        ("1 March 2024", "%d %b %Y", 19783),  # either spelling of the month
        ("1 Mar 2024", "%d %B %Y", 19783),
        ("01-Mar-24", "%d-%b-%y", 19783),
        ("01.03.24", "%d.%m.%y", 19783),
        ("March 2024", "%b %Y", 19783),
        ("2024-03-01 06:00:00 PM", "iso", 19783.75),
        ("03/01/2024 12:00 am", "%m/%d/%Y", 19783),
        ("03/01/2024 12:00 PM", "%m/%d/%Y", 19783.5),
        ("2024-03-01 06:00:00 UTC", "iso", 19783.25),
        ("01.03.2024 02:00+02:00", "%d.%m.%Y", 19783),
        ("29/02/2024 18:30:00 -0530", "%d/%m/%Y", 19783),
    ],
)
def test_days_since_1970(text: str, form: str, expected: float) -> None:
    assert form in FORMATS
    assert days(text, form) == expected


@pytest.mark.parametrize(
    "text", ["2024-02-30", "yesterday", "", "12", "1/3/2024 25:00", "2024-03-01 13:00 PM"]
)
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_not_a_date(text: str, form: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several functions
        days(text, form)


def test_objects_and_arrays_of_dates() -> None:
    moment = datetime.datetime(2024, 3, 1, 12)
    cells = np.array([moment.date(), moment, pd.Timestamp(moment), None, "x"], object)
    values, wrong = read_dates(cells, "iso", Notation())
    np.testing.assert_array_equal(values, [19783, 19783.5, 19783.5, np.nan, np.nan])
    assert wrong == 4
    values, wrong = read_dates(np.array([moment, "NaT"], "datetime64[ns]"), "iso", Notation())
    np.testing.assert_array_equal(values, [19783.5, np.nan])
    assert wrong is None


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_recognizes_its_example(form: str) -> None:
    assert form.replace("%B", "%b") in formats_of([example(form)], Notation())


def test_a_column_of_one_month_has_one_format() -> None:
    # "May" is both a whole name and three letters.
    assert formats_of(["1 May 2024", "30 May 2024"], Notation()) == ["%d %b %Y"]


@pytest.mark.parametrize(
    "texts",
    [["1.1", "1.10"], ["v1", "v2"], ["1.2.3", "1.10.3"], ["10-20", "20-30"], ["12", "2024"], []],
    ids=str,
)
def test_other_texts_are_not_dates(texts: list[str]) -> None:
    assert formats_of(texts, Notation()) == []


def table(folder: Path, dates: list[str]) -> str:
    rows = [f"{date};{row % 7};{'no' if row % 2 else 'yes'}" for row, date in enumerate(dates)]
    (folder / "table.csv").write_text("\n".join(["when;x;y", *rows]))
    return str(folder / "table.csv")


DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * row) for row in range(60)]


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"])
def test_a_column_of_dates_is_a_number(tmp_path: Path, form: str) -> None:
    path = table(tmp_path, [day.strftime(form) for day in DAYS])
    with pytest.raises(DataError, match=r"line 2 .*column 'when'.*dataset\.dates \(\[when\]\)"):
        Csv(path=path, target="y").load()
    dataset = Csv(path=path, target="y", dates=("when",), scaling="none").load()
    inputs = np.concatenate([part.inputs for part in dataset.parts.values()])
    assert sorted(inputs[:, 0]) == [19723 + 7 * row for row in range(60)]
    assert "when (date)" in dataset.notes[0]
    # What predicts needs no more than the stored preprocessing.
    stored = Preprocessing.from_json(dataset.preprocessing.to_json())
    given = datetime.date(2030, 12, 31)
    for cell in (given.strftime(form), given, pd.Timestamp(given)):
        (row,) = stored.encode({"when": [cell], "x": [1]})
        assert row.tolist() == [22279, 1]
    with pytest.raises(DataError, match="row 1, column 'when': 'soon' is not a date"):
        stored.encode({"when": ["soon"], "x": [1]})


def test_dates_as_categories_where_they_are_said_to_be(tmp_path: Path) -> None:
    path = table(tmp_path, ["2024-01-01", "2024-07-01"] * 30)
    dataset = Csv(path=path, target="y", categorical=("when",)).load()
    assert dataset.preprocessing.levels["when"] == ("2024-01-01", "2024-07-01")


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (["01/02/2024", "03/04/2024"] * 20, "nothing in the column 'when' tells days from months"),
        (["red", "blue"] * 20, "most of whose cells are not dates"),
        (["2024-01-01", "2024-02-30"] * 20, r"line 3 .*'2024-02-30' is not a date"),
        (["2024-01-01", ""] * 20, "the value is missing"),
    ],
)
def test_columns_that_are_no_dates_are_refused(tmp_path: Path, dates, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Csv(path=table(tmp_path, dates), target="y", dates=("when",)).load()


def test_missing_dates_are_filled(tmp_path: Path) -> None:
    path = table(tmp_path, ["" if row == 3 else str(day) for row, day in enumerate(DAYS)])
    dataset = Csv(path=path, target="y", dates=("when",), missing="median").load()
    assert 19723 < dataset.preprocessing.fills["when"] < 19723 + 7 * 60


@pytest.mark.parametrize("other", ["categorical", "ignore"])
def test_a_column_has_one_kind(other: str) -> None:
    with pytest.raises(ConfigError, match=rf"'a' is in dataset\.{other} and in dataset\.dates"):
        Csv(path="t.csv", target="y", dates=("a",), **{other: ("a",)})
    with pytest.raises(ConfigError, match=r"'y' is in dataset\.target and in dataset\.dates"):
        Csv(path="t.csv", target="y", dates=("y",))


def test_unknown_levels_are_refused_or_ignored(tmp_path: Path) -> None:
    rows = [f"{'uvw'[row % 3]};{row};{row % 2}" for row in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["c;x;y", *rows]))
    raw = {"c": ["v", "new"], "x": [1, 2]}
    for unknown in ("error", "ignore"):
        source = Csv(path=str(tmp_path / "table.csv"), target="y", unknown=unknown, scaling="none")
        stored = Preprocessing.from_json(source.load().preprocessing.to_json())
        if unknown == "error":
            with pytest.raises(DataError, match=r"row 2, column 'c': 'new' .*unknown=ignore"):
                stored.encode(raw)
        else:
            assert stored.encode(raw).tolist() == [[0, 1, 0, 1], [0, 0, 0, 2]]


def test_what_older_records_lack_has_its_default() -> None:
    stored = json.loads(Preprocessing(("a",), (0.0,), (1.0,)).to_json())
    del stored["dates"], stored["unknown"]
    assert Preprocessing.from_json(json.dumps(stored)) == Preprocessing(("a",), (0.0,), (1.0,))
    for damage in ({"unknown": "perhaps"}, {"dates": {"a": "%H"}}):
        with pytest.raises(DataError, match="preprocessing cannot be read"):
            Preprocessing.from_json(json.dumps(stored | damage))
