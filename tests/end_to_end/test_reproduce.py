"""The command that repeats published results."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.commands import reproduce
from experiments.commands.entry import _published
from experiments.commands.reproduce import RESULTS, main
from experiments.runs.find import find_records
from tests.end_to_end.command_line import environment, script, succeeded


def test_an_unknown_name_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redi2018"]) == 1
    said = capsys.readouterr().err
    assert "no published experiment 'redi2018'; did you mean 'reddi2018'?" in said


@pytest.mark.parametrize("name", ["nielsen_chapter1", "lecun1989"])
def test_missing_data_are_described(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two datasets that are made from the same files have one name."""
    monkeypatch.chdir(tmp_path)
    assert main([name]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"mnist is not in {tmp_path}/data/mnist" in said
    assert "train-images-idx3-ubyte" in said
    assert "https://" in said
    assert "--data mnist=FOLDER names the folder" in said


def test_quick_shows_stored_verdicts_with_their_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In no time at all nothing fits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reproduce, "QUICK", 0.0)
    monkeypatch.setattr(reproduce, "RESULTS", tmp_path)
    shutil.copy(RESULTS / "reddi2018.json", tmp_path)
    date = json.loads((tmp_path / "reddi2018.json").read_text())["date"]
    assert main(["reddi2018", "wilson2017", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"reddi2018 (stored, {date})"
    assert lines[1].startswith("  reproduced")
    assert lines[-3:-1] == ["wilson2017", "  not run"]
    assert lines[-1].startswith("3 reproduced, 0 near")
    assert [path.name for path in tmp_path.iterdir()] == ["reddi2018.json"]


@pytest.mark.slow
def test_an_experiment_with_faulty_data_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with one of the four files, and an experiment that needs none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "train-images-idx3-ubyte").touch()
    names = ["nielsen_chapter1", "adam_parts", "--smoke", "--jobs", "1"]
    assert main([*names, "--data", "mnist=half"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "train-labels-idx1-ubyte and t10k-images-idx3-ubyte and" in said
    assert "Add the missing files" in said
    assert "1 of 2 run; no verdicts" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "mnst=here"], "did you mean 'mnist'?"),
        (["reddi2018", "--data", "here"], "give DATASET=FOLDER"),
        (["--jobs", "0"], "not a number of workers"),
    ],
)
def test_mistakes_are_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "repeated"),
    [
        (["experiment=published/reddi2018"], ["reddi2018"]),
        (["experiment=published/x", "dataset.dir=D"], ["x", "--data", "D"]),
        (["experiment=published/x", "optimizer=sgd"], None),
        (["experiment=published/x", "-m"], None),
        (["experiment=xor"], None),
        ([], None),
    ],
)
def test_an_experiment_alone_is_repeated(typed: list[str], repeated: list[str] | None) -> None:
    assert _published(typed) == repeated


@pytest.mark.slow
def test_a_reproduction_that_was_killed_goes_on_and_is_judged_the_same(tmp_path: Path) -> None:
    """The experiment tunes first, so a kill in its first batch is one between batches, too."""
    name = "deepobs_quadratic_deep"
    options = ("--results", "results", "--jobs", "1")
    killed = subprocess.Popen(
        [sys.executable, "-m", "descent", "reproduce", name, *options],
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
    )
    try:
        while not any((tmp_path / "multirun").rglob("record.json")):
            assert killed.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    before = {record.uid for record in find_records(tmp_path / "multirun")}
    assert before
    command = (name, *options, "--folder", "again")
    out = succeeded(script("reproduce.py", *command, folder=tmp_path)).out
    assert "0 contradicted" in out
    records = find_records(tmp_path / "again")
    assert before <= {record.uid for record in records}
    found = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert len(records) == found["runs"]
    assert found["machine"].startswith("1 worker on ")
    stored = json.loads((RESULTS / f"{name}.json").read_text())
    for own, theirs in zip(found["claims"], stored["claims"], strict=True):
        assert own["verdict"] == theirs["verdict"]
        for group, values in theirs["values"].items():
            assert own["values"][group] == pytest.approx(values, rel=1e-6)


@pytest.mark.slow
def test_a_smoke_test_has_no_verdicts(tmp_path: Path) -> None:
    out = succeeded(script("reproduce.py", "rumelhart1986_xor", "--smoke", folder=tmp_path)).out
    assert "1 of 1 run; no verdicts (--smoke)" in out
