"""The command that repeats published results."""

import json
from pathlib import Path

import pytest

from experiments.commands.entry import _published
from experiments.commands.reproduce import main
from tests.end_to_end.command_line import run, script, succeeded

SHORT = ("rumelhart1986_xor", "--smoke")


def test_an_unknown_name_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redi2018"]) == 1
    said = capsys.readouterr().err
    assert "no published experiment 'redi2018'; did you mean 'reddi2018'?" in said


def test_missing_data_are_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["nielsen_chapter1"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"mnist is not in {tmp_path}/data/mnist" in said
    assert "train-images-idx3-ubyte" in said
    assert "https://" in said
    assert "--data mnist=FOLDER names the folder" in said


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
def test_runs_are_judged_stored_and_not_trained_twice(tmp_path: Path) -> None:
    command = ("deepobs_quadratic_deep", "--results", "results", "--jobs", "1")
    out = succeeded(script("reproduce.py", *command, folder=tmp_path)).out
    assert "0 contradicted" in out
    stored = tmp_path / "results" / "deepobs_quadratic_deep.json"
    first = json.loads(stored.read_text())
    trained = len(list((tmp_path / "multirun").rglob("record.json")))
    assert trained == first["runs"]
    succeeded(script("reproduce.py", *command, folder=tmp_path))
    again = json.loads(stored.read_text())
    assert again["claims"] == first["claims"]


@pytest.mark.slow
def test_the_experiment_itself_does_the_same(tmp_path: Path) -> None:
    finished = run("experiment=published/reddi2018", "--help", folder=tmp_path)
    assert finished.status == 0  # an option is not a reproduction
    out = succeeded(script("reproduce.py", *SHORT, folder=tmp_path)).out
    assert "1 of 1 run; no verdicts (--smoke)" in out
