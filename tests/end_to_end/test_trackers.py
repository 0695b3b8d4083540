"""The tracker from the command line: seen while runs train, shared by many, absent for a while."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.runs.find import find_progress
from experiments.runs.layout import PROGRESS
from tests.end_to_end.command_line import (
    FEW_POINTS,
    in_background,
    run,
    script,
    succeeded,
    tracked,
    uri,
)

FEW = (*FEW_POINTS, "training.epochs=2")
NOBODY = "tracking.uri=http://127.0.0.1:9"  # the port to which nobody listens


def runs_in(folder: Path, where: str = "") -> list[Run]:
    client = MlflowClient(uri(folder))
    experiment = client.get_experiment_by_name("descent")
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id], where))


def wait_until(what: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    for _ in range(600):
        if what():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    raise AssertionError("not seen in two minutes")


@pytest.mark.slow
def test_what_an_absent_tracker_has_missed_is_published_comparison_and_all(tmp_path: Path) -> None:
    absent = run("-m", "seed=0,1", *FEW, NOBODY, "tracking.patience=0", folder=tmp_path)
    assert absent.status == 0, absent.err
    assert "2 runs not published yet" in absent.out
    first = succeeded(script("publish.py", "multirun", "--uri", uri(tmp_path), folder=tmp_path))
    assert "2 published, 1 comparisons" in first.out
    runs = runs_in(tmp_path, "tags.kind = 'run'")
    assert sorted(run.info.run_name for run in runs) == ["adam-seed0", "adam-seed1"]
    (summary,) = runs_in(tmp_path, "tags.kind = 'comparison'")
    client = MlflowClient(uri(tmp_path))
    files = {file.path for file in client.list_artifacts(summary.info.run_id)}
    assert {"comparison.csv", "comparison.md"} <= files
    again = succeeded(script("publish.py", "multirun", "--uri", uri(tmp_path), folder=tmp_path))
    assert "2 published before, 1 comparisons" in again.out
    assert len(runs_in(tmp_path)) == 3


@pytest.mark.slow
def test_a_run_is_seen_while_it_trains_and_marked_when_it_was_killed(tmp_path: Path) -> None:
    command = (*FEW_POINTS, "training.epochs=500000", tracked(tmp_path))
    process = in_background(*command, folder=tmp_path, stderr=subprocess.STDOUT)
    try:
        wait_until(
            lambda: (
                (tmp_path / "mlflow.db").exists()
                and [r for r in runs_in(tmp_path) if "train/loss" in r.data.metrics]
            ),
            process,
        )
        (seen,) = runs_in(tmp_path)
        assert seen.info.status == "RUNNING"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    young = succeeded(script("publish.py", "outputs", "--uri", uri(tmp_path), folder=tmp_path))
    assert "1 still running" in young.out
    arguments = ("outputs", "--strict", "--uri", uri(tmp_path))
    strict = script("publish.py", *arguments, folder=tmp_path)
    assert strict.status == 1
    assert "1 of the runs have not ended" in strict.err
    (left,) = find_progress(tmp_path / "outputs")
    long_ago = time.time() - 3600
    os.utime(left.folder / PROGRESS, (long_ago, long_ago))
    for _ in range(2):
        done = succeeded(script("publish.py", "outputs", "--uri", uri(tmp_path), folder=tmp_path))
        assert "1 killed, published up to the last checkpoint" in done.out
        (run_,) = runs_in(tmp_path)
        assert run_.info.run_id == seen.info.run_id
        assert run_.info.status == "KILLED"
