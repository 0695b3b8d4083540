"""Warnings about data on which results are doubtful: said, and not said where nothing is wrong."""

import re

import numpy as np
import pytest

from experiments.datasets import Dataset, Split, Table, Task, prepare, split_rows
from experiments.datasets.cache import load_dataset
from experiments.datasets.caveats import number_caveats
from experiments.datasets.reading.notation import Notation
from experiments.datasets.sources.csv_table import Csv
from experiments.datasets.splits import whole_population


def prepared(
    targets: list[int] | np.ndarray,
    target_names: tuple[str, ...],
    *,
    task: Task = Task.MULTICLASS,
    split: Split | None = None,
    texts: dict[str, list[str]] | None = None,
    impute: str | None = None,
) -> Dataset:
    rows = len(targets)
    columns = {name: np.array(cells, object) for name, cells in (texts or {}).items()}
    table = Table(("x", *columns), np.arange(float(rows))[:, None], columns)
    classes = np.asarray(targets) if task.has_classes else None
    if split is None:
        split = split_rows(rows, classes, seed=0, limit=None, validation=0.2, test=0.2)
    return prepare(
        name="made up",
        task=task,
        table=table,
        targets=np.asarray(targets),
        target_names=target_names,
        split=split,
        impute=impute,  # type: ignore[arg-type]
    )


EVEN = [row % 2 for row in range(60)]


def test_nothing_is_said_where_nothing_is_wrong() -> None:
    assert prepared(EVEN, ("a", "b"), texts={"c": ["u", "v", "w"] * 20}).warnings == ()


def test_a_small_validation_part() -> None:
    (warning,) = prepared(EVEN[:30], ("a", "b")).warnings
    assert "the validation part has only 6 rows" in warning
    assert "dataset.validation" in warning
    everything = prepared(EVEN[:4], ("a", "b"), split=whole_population(4))
    assert everything.warnings == ()
    without = Split(np.arange(48), np.arange(0), np.arange(48, 60))  # as it was asked for
    assert prepared(EVEN, ("a", "b"), split=without).warnings == ()


@pytest.mark.parametrize(
    ("row", "where"), [(0, "validation or test"), (59, "validation"), (45, "test")]
)
def test_a_class_without_rows(row: int, where: str) -> None:
    targets = np.array(EVEN)
    targets[[1, row]] = 2
    split = Split(np.arange(36), np.arange(36, 48), np.arange(48, 60))
    (warning,) = prepared(targets, ("a", "b", "rare"), split=split).warnings
    assert f"no row of the {where} part has the class rare" in warning


def test_a_label_without_rows() -> None:
    labels = np.stack([EVEN, np.zeros(60, int)], axis=1)
    (warning,) = prepared(labels, ("often", "never"), task=Task.MULTILABEL).warnings
    assert "validation or test part has the label never" in warning


def test_names_that_differ_only_in_case() -> None:
    dataset = prepared(
        [row % 3 for row in range(60)], ("TRUE", "no", "true"), texts={"c": ["u", "U"] * 30}
    )
    of_levels, of_classes = dataset.warnings
    assert "the levels of the column 'c' U, u differ only in case" in of_levels
    assert "the classes TRUE, true differ only in case" in of_classes


def test_names_that_differ_only_in_their_encoding() -> None:
    classes = ("caf\u00e9", "cafe\u0301")
    (warning,) = prepared(EVEN, classes).warnings
    assert "differ only in how Unicode writes their accents" in warning


@pytest.mark.parametrize("other", ["New  York", "New\u00a0York", "New York\u200b"])
def test_names_that_differ_only_in_what_cannot_be_seen(other: str) -> None:
    (warning,) = prepared(EVEN, ("New York", other)).warnings
    assert "differ only in blanks or characters that cannot be seen" in warning
    assert ascii(other) in warning


def test_missing_categories_that_are_filled() -> None:
    cells = ["u", "", "u", "v"] * 15
    (warning,) = prepared(EVEN, ("a", "b"), texts={"c": cells}, impute="median").warnings
    assert "15 of 60 cells of the category 'c' are missing" in warning
    assert "'u'" in warning


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        (
            ["9007199254740993", "1", ""],
            "last digits .* column 'x', such as '9007199254740993', are",
        ),
        (["9007199254740992", "-9007199254740994", "1e300"], ""),  # no digit is lost
        (["20240229", "19991231", ""], r"'x' look like dates, such as 20240229.*dates \(\[x\]\)"),
        (["20240229", "20241301"], ""),
        (["20240229", "20240229.5"], ""),
        (["12", "5.5"], ""),
        (["", ""], ""),
    ],
)
def test_numbers_that_are_likely_something_else(cells: list[str], warning: str) -> None:
    column = np.array(cells, object)
    values, _ = Notation().numbers(column)
    found = list(number_caveats("x", column, values))
    assert len(found) == bool(warning)
    assert not warning or re.search(warning, found[0])


def test_warnings_are_kept_in_the_cache(tmp_path) -> None:
    rows = [f"{i},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "small.csv").write_text("\n".join(["x,y", *rows]))
    source = Csv(path=str(tmp_path / "small.csv"), target="y")
    fresh, cached = (load_dataset(source, tmp_path / "cache") for _ in range(2))
    assert fresh.warnings == cached.warnings != ()
