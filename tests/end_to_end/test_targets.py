"""Targets and values that cannot be meant, through the command line."""

from pathlib import Path

import pytest

from tests.end_to_end.command_line import NOT_TRACKED, Finished, run, script, succeeded

pytestmark = pytest.mark.slow


def train(folder: Path, rows: list[str], *settings: str) -> Finished:
    folder.mkdir(exist_ok=True)
    (folder / "table.csv").write_text("\n".join(["x;c;y", *rows]) + "\n", encoding="utf-8")
    data = ("dataset=csv", "dataset.path=table.csv", "dataset.target=y", "dataset.delimiter=;")
    return run(*data, "training.epochs=3", *settings, NOT_TRACKED, folder=folder)


def refused(finished: Finished, *parts: str) -> None:
    assert finished.status == 1
    for part in parts:
        assert part in finished.err
    for unwanted in ("Traceback", "RuntimeWarning"):
        assert unwanted not in finished.err
    assert not finished.records()


def numbers(write: str, rows: int = 80) -> list[str]:
    return [f"{i % 9};{'uv'[i % 2]};{write.format(1000 + i * 7919 % 100_000)}" for i in range(rows)]


def test_numbers_in_text_are_refused_and_read_with_the_setting(tmp_path: Path) -> None:
    rows = numbers("{:,}")
    refused(train(tmp_path, rows), "table.csv", "'y'", "'1,000' and '8,919'", "dataset.thousands=")
    record = succeeded(train(tmp_path, rows, "dataset.thousands=,", "loss=mse")).record()
    assert record.dataset["task"] == "regression"


@pytest.mark.parametrize(
    ("write", "cure"), [("${}", "take '$' out"), ("name {}", "80 different values in 80 rows")]
)
def test_other_text_that_is_no_class_is_refused(tmp_path: Path, write: str, cure: str) -> None:
    refused(train(tmp_path, numbers(write)), "'y'", cure, "dataset.task=multiclass")


def test_the_loss_decides_between_counts_and_classes(tmp_path: Path) -> None:
    rows = [f"{i % 9};u;{i % 4}" for i in range(80)]
    counts = succeeded(train(tmp_path / "mse", rows, "loss=mse"))
    assert counts.record().dataset["task"] == "regression"
    assert "because the loss is one for numbers" in counts.out
    classes = succeeded(train(tmp_path / "task", rows, "loss=mse", "dataset.task=multiclass"))
    assert classes.record().dataset["task"] == "multiclass"


def test_targets_beyond_single_precision_are_refused_by_row(tmp_path: Path) -> None:
    rows = [f"{i % 9};u;{i}.5" for i in range(80)]
    rows[41] = "1;u;1e300"
    refused(train(tmp_path, rows, "loss=mse", "dataset.scale_targets=false"), "row 42", "1e+300")


def test_rows_that_cannot_be_predicted_are_refused(tmp_path: Path) -> None:
    rows = [f"{i % 9};{'uv'[i % 2]};{'yes' if i % 2 else 'no'}" for i in range(80)]
    record = succeeded(train(tmp_path, rows, "dataset.unknown=ignore")).record()
    (tmp_path / "new.csv").write_text("x;c\n1;u\n2;new\n1e39;u\n")
    finished = script("predict.py", record.folder, tmp_path / "new.csv", folder=tmp_path)
    assert (finished.status, finished.out) == (1, "")
    assert "row 3, column 'x'" in finished.err
    assert "RuntimeWarning" not in finished.err
    (tmp_path / "new.csv").write_text("x;c\n1;u\n2;new\n")
    finished = succeeded(script("predict.py", record.folder, tmp_path / "new.csv", folder=tmp_path))
    assert len(finished.out.splitlines()) == 3


def test_a_sweep_warns_of_its_data_once(tmp_path: Path) -> None:
    rows = [f"{i % 9};{'uU'[i % 2]};{'yes' if i % 2 else 'no'}" for i in range(40)]
    rows[7] = "1;u;seldom"
    finished = train(tmp_path, rows, "-m", "seed=0,1,2")
    assert finished.status == 0, finished.err
    warnings = finished.err.splitlines()
    assert len(warnings) == 3
    for warning, part in zip(warnings, ("6 rows", "class seldom", "only in case"), strict=True):
        assert warning.startswith("warning: table: ")
        assert part in warning


def test_dates_are_numbers_where_they_are_listed(tmp_path: Path) -> None:
    rows = [f"{1 + i % 28}.{1 + i % 12}.2024;{'uv'[i % 2]};{i}.5" for i in range(80)]
    refused(train(tmp_path, rows, "loss=mse"), "line 2", "'1.1.2024'", "dataset.dates")
    finished = succeeded(train(tmp_path, rows, "loss=mse", "dataset.dates=[x]"))
    (tmp_path / "new.csv").write_text("x;c\n24.12.2024;u\n")
    folder = finished.record().folder
    assert succeeded(script("predict.py", folder, tmp_path / "new.csv", folder=tmp_path)).out
