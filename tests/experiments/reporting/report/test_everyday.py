import random
import subprocess
import sys
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from experiments.analysis.analyse import analyse
from experiments.errors import RecordError
from experiments.reporting.report.everyday import write_comparison
from experiments.reporting.tables.frames import comparison
from experiments.reporting.tables.markup import narrow_markdown
from experiments.reporting.words.conclusions import conclude
from tests.experiments.analysis.made_up_sweeps import make_run, sweep


def test_the_files_hold_the_comparison(tmp_path):
    runs = sweep(tmp_path / "runs", diverged=[("sgd", 1)])
    written = write_comparison(analyse(runs), tmp_path / "new" / "report")
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
    once = write_comparison(analyse(runs), tmp_path / "a")
    again = write_comparison(analyse(random.Random(0).sample(runs, len(runs))), tmp_path / "b")
    for first, second in zip(once, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(
        path.name for path in once
    )


def test_the_page_has_the_conclusion_the_table_and_the_picture(tmp_path):
    study = analyse(sweep(tmp_path, diverged=[("sgd", 1)]))
    text = narrow_markdown(study, "comparison.png")
    lines = text.splitlines()
    assert lines[0] == "# Comparison"
    assert lines[2] == f"**{conclude(study.parts[0])}**"
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert rows[1].startswith("| :-- | --: |")
    assert rows[2].startswith("| adam | **0.105 ± 0.012** | 5/5 | **0.9580 ± 0.0063** |")
    assert rows[5].startswith("| sgd † |")
    assert "![Learning curves and final metrics by group](comparison.png)" in text
    assert "![" not in narrow_markdown(study)


def test_names_are_not_read_as_markup(tmp_path):
    runs = [make_run(tmp_path, "my_own|adam", summary={"best/val_loss": 0.5})]
    text = narrow_markdown(analyse(runs))
    assert r"| my\_own\|adam |" in text


def test_groups_are_those_asked_for(tmp_path):
    runs = sweep(tmp_path / "runs", seeds=range(2))
    path = write_comparison(analyse(runs, by=["model"]), tmp_path / "out")[0]
    assert list(pd.read_csv(path)["model"]) == ["mlp"]


def test_a_folder_that_cannot_be_made_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    study = analyse(sweep(tmp_path / "runs", ["adam"], [0]))
    with pytest.raises(RecordError, match="Choose another folder"):
        write_comparison(study, tmp_path / "file" / "below")


def test_the_end_of_a_sweep_imports_neither_pandas_nor_scipy(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from experiments.analysis.analyse import analyse\n"
        "from experiments.reporting.report.everyday import write_comparison\n"
        "from experiments.reporting.tables.terminal import print_comparison\n"
        "from experiments.runs.find import find_records\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "study = analyse(find_records(folder))\n"
        "write_comparison(study, folder / 'out')\n"
        "print_comparison(study)\n"
        "assert not {'pandas', 'scipy'} & set(sys.modules)\n"
    )
    sweep(tmp_path, seeds=range(6), diverged=[("sgd", 1)])
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, capture_output=True)
