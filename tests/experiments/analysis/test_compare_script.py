import subprocess
import sys
from pathlib import Path

from tests.experiments.analysis.made_up_sweeps import sweep

SCRIPT = Path(__file__).parents[3] / "scripts" / "compare.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True
    )


def test_folders_are_compared_and_written(tmp_path):
    sweep(tmp_path / "runs", ("sgd", "adam"), range(2))
    done = run(tmp_path / "runs", tmp_path / "runs" / "0", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "adam has the lowest" in done.stdout
    assert "repeat" not in done.stdout  # the run that was given twice
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.csv",
        "comparison.md",
        "comparison.png",
        "comparison.svg",
    ]


def test_keys_are_separated_by_commas(tmp_path):
    sweep(tmp_path, ("sgd", "adam"), range(2))
    done = run(tmp_path, "--by", "optimizer,model.activation")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("optimizer")


def test_mistakes_are_one_message_and_status_1(tmp_path):
    sweep(tmp_path / "runs", ["adam"], [0])
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([tmp_path / "missing"], "there is no such folder"),
        ([tmp_path / "empty"], "No finished runs in"),
        ([tmp_path / "runs", "--by", "optimizr"], "Did you mean optimizer?"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
