import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from experiments.analysis.analyse import analyse
from experiments.commands import compare
from experiments.reporting.words.conclusions import conclusions
from experiments.tracking.runs import Tracker
from tests.experiments.analysis.made_up_sweeps import sweep


@pytest.fixture
def run(capsys):
    """Run the command in this process: importing its libraries takes a second."""

    def run(*arguments):
        try:
            returncode = compare.main(list(map(str, arguments)))
        except SystemExit as exit_:  # argparse
            returncode = exit_.code
        said = capsys.readouterr()
        return SimpleNamespace(returncode=returncode, stdout=said.out, stderr=said.err)

    return run


def test_it_runs_from_the_shell(tmp_path):
    sweep(tmp_path, ["adam"], range(2))
    script = Path(__file__).parents[3] / "scripts" / "compare.py"
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "only group" in done.stdout


def test_folders_are_compared_and_written(run, tmp_path):
    sweep(tmp_path / "runs", ("sgd", "adam"), range(2))
    done = run(tmp_path / "runs", tmp_path / "runs" / "0", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("adam has the best test loss, 0.")
    assert "repeat" not in done.stdout  # the run that was given twice
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.csv",
        "comparison.md",
        "comparison.png",
        "comparison.svg",
    ]


def test_keys_are_separated_by_commas(run, tmp_path):
    for activation in ("relu", "tanh"):
        settings = {"model": {"activation": activation}}
        sweep(tmp_path / activation, ("sgd", "adam"), range(2), settings=settings)
    done = run(tmp_path, "--by", "optimizer, model.activation")
    assert done.returncode == 0, done.stderr
    assert "adam (activation=tanh)" in done.stdout
    assert "adam, activation" not in run(tmp_path, "--by", "optimizer").stdout


def test_tables_are_written_for_programs_and_for_papers(run, tmp_path):
    sweep(tmp_path / "runs", ("sgd", "adam", "muon"), range(3))
    names = ["new/a.csv", "new/a-pairs.csv", "a.md", "a.tex"]
    done = run(
        tmp_path / "runs", "--metric", "test/accuracy", "--target", "0.9",
        "--csv", tmp_path / names[0], "--markdown", tmp_path / names[2],
        "--latex", tmp_path / names[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(str(tmp_path / name) in done.stdout for name in names)
    groups, pairs = (pd.read_csv(tmp_path / name) for name in names[:2])
    assert list(groups["group"]) == ["adam", "muon", "sgd"]
    assert groups["test/accuracy mean"].is_monotonic_decreasing
    assert set(groups["target"]) == {0.9}
    assert len(pairs) == 2 * 3  # by the metric, and by the time to the target
    assert "**adam" in (tmp_path / "a.md").read_text()
    assert r"\toprule" in (tmp_path / "a.tex").read_text()


def test_a_report_is_written(run, tmp_path):
    sweep(tmp_path / "runs", ("sgd", "adam"), range(2))
    done = run(tmp_path / "runs", "--report", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert f"Written: {tmp_path / 'report' / 'report.html'}" in done.stdout
    assert "adam" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "report" / "pictures" / "differences.pdf").exists()


def test_runs_are_fetched_from_mlflow(run, tmp_path):
    runs = sweep(tmp_path / "runs", ("sgd", "adam"), range(2), sweep="mine")
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    for record in runs:
        Tracker(uri, "digits").publish(record)
    from_disk = run(tmp_path / "runs")
    fetched = run("--sweep", "mine", "--uri", uri)
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout == from_disk.stdout
    some = run("--experiment", "digits", "--filter", "params.optimizer = 'sgd'", "--uri", uri)
    assert some.stdout.startswith("sgd has test loss")
    assert "only group" in some.stdout


def test_folders_or_mlflow_but_not_both_nor_neither(run, tmp_path):
    for arguments in ([], [tmp_path, "--sweep", "mine"]):
        done = run(*arguments)
        assert done.returncode == 2
        assert "give either folders" in done.stderr


def test_mistakes_are_one_message_and_status_1(run, tmp_path):
    sweep(tmp_path / "runs", ["adam"], [0])
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([tmp_path / "missing"], "no such folder"),
        ([tmp_path / "runs" / "0" / "record.json"], "this is a file, not a folder"),
        ([tmp_path / "empty"], "No finished runs in"),
        ([tmp_path / "runs", "--by", "optimizr"], "Did you mean optimizer?"),
        ([tmp_path / "runs", "--metric", "test/acc"], "Did you mean test/accuracy?"),
        (["--sweep", "x", "--uri", f"sqlite:///{tmp_path / 'no.db'}"], "database does not exist"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_json_has_the_conclusion_and_the_same_numbers(tmp_path):
    records = sweep(tmp_path / "runs", ["adam", "sgd"], range(3), diverged=[("sgd", 0)])
    target = tmp_path / "study.json"
    assert compare.main([str(tmp_path / "runs"), "--json", str(target)]) == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    study = analyse(records)
    assert found["conclusions"] == conclusions(study)
    means = {entry.label: entry.metrics["test/loss"].mean.value for entry in study.parts[0].entries}
    assert {row["group"]: row["test/loss mean"] for row in found["groups"]} == pytest.approx(means)
    assert [row["finished"] for row in found["groups"]] == [3, 2]
