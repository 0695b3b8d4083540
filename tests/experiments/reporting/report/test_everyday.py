import random
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from experiments.errors import RecordError
from experiments.reporting.report.everyday import markdown, write_comparison
from experiments.reporting.tables.frames import comparison
from tests.experiments.analysis.made_up_sweeps import make_run, sweep


def test_the_files_hold_the_comparison(tmp_path):
    runs = sweep(tmp_path / "runs", diverged=[("sgd", 1)])
    written = write_comparison(runs, tmp_path / "new" / "report")
    assert [path.name for path in written] == [
        "comparison.csv",
        "comparison.md",
        "comparison.png",
        "comparison.svg",
    ]
    assert written[0].read_text() == comparison(runs).to_csv(lineterminator="\n")
    table = pd.read_csv(written[0], index_col="optimizer")
    expected = comparison(runs)
    assert list(table.columns) == list(expected.columns)
    assert list(table.index) == ["adam", "rmsprop", "adagrad", "sgd"]
    pd.testing.assert_series_equal(
        table["test/accuracy mean"], expected["test/accuracy mean"], check_index_type=False
    )
    assert written[2].read_bytes().startswith(b"\x89PNG")
    assert ET.parse(written[3]).getroot().tag.endswith("svg")


def test_the_same_records_give_the_same_bytes_in_any_order(tmp_path):
    runs = sweep(tmp_path / "runs", diverged=[("sgd", 1)])
    once = write_comparison(runs, tmp_path / "a")
    again = write_comparison(random.Random(0).sample(runs, len(runs)), tmp_path / "b")
    for first, second in zip(once, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in once
    )


def test_the_page_has_headline_table_and_picture(tmp_path):
    text = markdown(sweep(tmp_path, diverged=[("sgd", 1)]))
    lines = text.splitlines()
    assert lines[0] == "# Comparison"
    assert lines[2].startswith("**adam has the lowest mean validation loss, 0.106 ± 0.012,")
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert rows[1].startswith("| :-- | --: |")
    assert rows[2].startswith("| adam | **0.106 ± 0.012** | **0.9629 ± 0.0044** |")
    assert rows[5].startswith("| sgd † |")
    assert "![Learning curves and final metrics by group](comparison.png)" in text
    assert "![" not in markdown(sweep(tmp_path), picture="")


def test_names_are_not_read_as_markup(tmp_path):
    text = markdown([make_run(tmp_path, "my_own|adam", summary={"best/val_loss": 0.5})])
    assert r"| my\_own\|adam |" in text


def test_groups_are_those_asked_for(tmp_path):
    runs = sweep(tmp_path / "runs", seeds=range(2))
    path = write_comparison(runs, tmp_path / "out", by=["model"])[0]
    assert list(pd.read_csv(path)["model"]) == ["mlp"]


def test_a_folder_that_cannot_be_made_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="Choose another folder"):
        write_comparison(sweep(tmp_path / "runs", ["adam"], [0]), tmp_path / "file" / "below")
