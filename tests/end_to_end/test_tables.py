"""A user's own tables through the command line: trained on, and predicted from."""

import bz2
import csv
import io
from pathlib import Path

import pytest

from tests.end_to_end.command_line import NOT_TRACKED, Finished, run, script, succeeded

FOLDER = "trained"


def trained(folder: Path, table: str, *settings: str) -> Finished:
    return run(
        "dataset=csv",
        f"dataset.path={table}",
        "dataset.target=y",
        *settings,
        "training.epochs=60",
        "optimizer.lr=0.01",
        f"hydra.run.dir={FOLDER}",
        NOT_TRACKED,
        folder=folder,
    )


def predicted(folder: Path, table: str) -> list[str]:
    finished = succeeded(script("predict.py", FOLDER, table, folder=folder))
    return [row["prediction"] for row in csv.DictReader(io.StringIO(finished.out))]


@pytest.mark.slow
def test_a_table_of_excel_is_predicted_as_it_was_trained_on(tmp_path: Path) -> None:
    """Semicolons, decimal commas, UTF-16, a line for Excel, and texts that pandas reads as gaps."""
    kinds = [("None", "ja"), ("1.10", "nein"), ("1.1", "ja"), ("NA", "nein")]
    rows = [(kinds[i % 4][0], f"{i // 4},5", kinds[i % 4][1]) for i in range(120)]
    text = "sep=;\n c ;x;y\n" + "".join(";".join(row) + "\n" for row in rows)
    (tmp_path / "table.csv").write_bytes(text.encode("utf-16"))
    finished = trained(
        tmp_path,
        "table.csv",
        "dataset.decimal=,",
        "dataset.encoding=utf-16",
        "dataset.missing_values=[]",
        "dataset.categorical=[c]",
    )
    succeeded(finished)
    assert predicted(tmp_path, "table.csv") == [label for *_, label in rows]
    # Without the target, in another order, and packed
    table = "x;note;c\n" + "".join(f"{x};;{c}\n" for c, x, _ in rows)
    (tmp_path / "new.csv.bz2").write_bytes(bz2.compress(table.encode("utf-16")))
    assert predicted(tmp_path, "new.csv.bz2") == [label for *_, label in rows]


@pytest.mark.slow
def test_what_cannot_be_read_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "a;b;y\n" + "".join(f"{i};{i % 7},5;{i % 2}\n" for i in range(240))
    )
    finished = trained(tmp_path, "table.csv")
    assert finished.status == 1
    assert "dataset.decimal=','" in finished.err
    assert "Traceback" not in finished.err
    succeeded(trained(tmp_path, "table.csv", "dataset.decimal=,"))
    for text, message in {
        "a;b\n1;1.5\n": "new.csv: row 1, column 'b': '1.5' is not a number. Write numbers as the "
        "training table does: 1234,5.",
        "a;b\n1;\xff\n": "new.csv, line 2: not UTF-8 text. It may be latin-1 (with 'ÿ' there)",
        'a;b\n1;"2\n': "new.csv, line 2: not proper CSV",
    }.items():
        (tmp_path / "new.csv").write_bytes(text.encode("latin-1"))
        finished = script("predict.py", FOLDER, "new.csv", folder=tmp_path)
        assert finished.status == 1
        assert finished.err.startswith(f"predict: {message}")
        assert finished.err.count("\n") == 1
