"""Runs that diverge or fail, and trackers that do: the other runs go on and are kept."""

import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    Finished,
    run,
    script,
    succeeded,
    tracked,
    uri,
)

FEW = (*FEW_POINTS, "training.epochs=3")
NOBODY = "tracking.uri=http://127.0.0.1:9"  # the port to which nobody listens


def published(folder: Path, kind: str = "run") -> dict[str, str]:
    """Status by name of the runs in a folder's database."""
    client = MlflowClient(uri(folder))
    experiment = client.get_experiment_by_name("descent").experiment_id
    found = client.search_runs([experiment], f"tags.kind = '{kind}'")
    names = [run.info.run_name for run in found]
    assert len(names) == len(set(names))
    return {run.info.run_name: run.info.status for run in found}


DIVERGING = ("-m", "optimizer=sgd", "optimizer.lr=1e30,0.01,1e36", *FEW, "loss=mse")


@pytest.fixture(scope="module")
def diverging(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("diverging")
    return succeeded(run(*DIVERGING, NOT_TRACKED, folder=folder))


class TestDivergence:
    def test_it_is_recorded_and_the_others_finish(self, diverging: Finished) -> None:
        records = diverging.records()
        assert [record.status for record in records] == ["diverged", "done", "diverged"]
        assert "not finite" in str(records[0].message)
        assert records[0].summary["best/epoch"] == 0
        assert len(records[0].metrics()["epoch"]) < 5
        assert len(records[1].metrics()["epoch"]) == 4

    def test_it_is_told(self, diverging: Finished) -> None:
        assert "1 done, 2 diverged" in diverging.out or "2 diverged, 1 done" in diverging.out
        assert "diverged (not finite)" in diverging.out

    @pytest.mark.slow
    def test_it_is_published(self, tmp_path: Path) -> None:
        succeeded(run(*DIVERGING, tracked(tmp_path), folder=tmp_path))
        statuses = published(tmp_path)
        assert sorted(statuses.values()) == ["FAILED", "FAILED", "FINISHED"]

    @pytest.mark.slow
    def test_a_run_alone_says_so(self, tmp_path: Path) -> None:
        command = ("optimizer=sgd", "optimizer.lr=1e30", "loss=mse", *FEW, NOT_TRACKED)
        finished = succeeded(run(*command, folder=tmp_path))
        assert "sgd-seed0: diverged" in finished.out


FRAGILE = """
    from dataclasses import dataclass

    import numpy as np

    from nn.component import Positive
    from nn.optimizers import SGD


    @dataclass(frozen=True)
    class Fragile(SGD):
        \"\"\"SGD that breaks when its learning rate is above a limit.\"\"\"

        limit: Positive = 1.0

        @staticmethod
        def coefficients(h, t):
            if t > 5 and (h.lr > h.limit).any():
                raise ZeroDivisionError("the step is too long")
            return {"lr": h.lr}
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module of one's own and its configuration."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "fragile.py").write_text(textwrap.dedent(FRAGILE))
    (folder / "my_conf" / "optimizer").mkdir(parents=True)
    text = "_target_: fragile.Fragile\nlr: 0.1\nlimit: 1.0\n"
    (folder / "my_conf" / "optimizer" / "fragile.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def failing(parts: Path) -> Finished:
    sweep = ("-m", "optimizer=fragile", "optimizer.lr=0.1,0.5,2.0", "seed=0,1")
    return run("--config-dir", "my_conf", *sweep, *FEW, NOT_TRACKED, folder=parts)


@pytest.fixture(scope="module")
def failed_records(failing: Finished) -> dict[str, Record]:
    return {record.name: record for record in failing.records()}


class TestFailure:
    def test_exit_status(self, failing: Finished) -> None:
        assert failing.status == 1
        assert "Traceback" not in failing.err

    def test_only_those_at_fault_fail(self, failed_records: dict[str, Record]) -> None:
        statuses = {name: record.status for name, record in failed_records.items()}
        failed = {f"fragile-lr2.0-seed{seed}" for seed in (0, 1)}
        assert {name for name, status in statuses.items() if status == "failed"} == failed
        assert list(statuses.values()).count("done") == 4

    def test_it_is_told_at_once_and_again_at_the_end(self, failing: Finished) -> None:
        warnings, _, end = failing.err.partition("error: ")
        for seed in (0, 1):
            told = f"fragile-lr2.0-seed{seed}"
            assert f"warning: {told} failed: ZeroDivisionError: the step is too long" in warnings
            assert f"{told}: ZeroDivisionError: the step is too long" in end
        assert end.startswith("2 of 6 runs failed:")
        assert "4 done, 2 failed" in failing.out

    def test_its_log_has_the_traceback(self, failed_records: dict[str, Record]) -> None:
        log = (failed_records["fragile-lr2.0-seed0"].folder / "run.log").read_text()
        assert "Traceback" in log
        assert "fragile.py" in log

    @pytest.mark.slow
    def test_all_are_published(self, failing: Finished, parts: Path) -> None:
        succeeded(script("publish.py", "multirun", "--uri", uri(parts), folder=parts))
        statuses = published(parts)
        assert len(statuses) == 6
        assert sorted(set(statuses.values())) == ["FAILED", "FINISHED"]
        assert published(parts, "comparison") == {"comparison": "FINISHED"}

    def test_a_run_alone_fails_likewise(self, parts: Path, tmp_path: Path) -> None:
        command = ("optimizer=fragile", "optimizer.lr=2", f"hydra.run.dir={tmp_path}", *FEW)
        finished = run("--config-dir", "my_conf", *command, NOT_TRACKED, folder=parts)
        assert finished.status == 1
        assert "error: fragile-seed0 failed: ZeroDivisionError: the step" in finished.err
        assert "Traceback" not in finished.err
        assert Record.read(tmp_path).status == "failed"

    def test_a_wrong_setting_is_found_with_a_folder_of_ones_own(self, parts: Path) -> None:
        command = ("--config-dir", "my_conf", "optimizer=fragile", "optimizer.limt=2")
        finished = run(*command, NOT_TRACKED, folder=parts)
        assert finished.status == 1
        assert "did you mean 'optimizer.limit'?" in finished.err


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("unreachable")
    return run("-m", "seed=0,1", *FEW, NOBODY, "tracking.patience=2", folder=folder)


@pytest.mark.slow
class TestUnreachableTracker:
    def test_it_costs_a_warning(self, unreachable: Finished) -> None:
        assert unreachable.status == 0, unreachable.err
        assert unreachable.err.startswith("warning: MLflow at http://127.0.0.1:9: ")
        assert "Connection refused" in unreachable.err
        assert unreachable.err.count("\n") == 1
        assert [record.status for record in unreachable.records()] == ["done", "done"]

    def test_the_runs_are_published_later_without_duplicates(self, unreachable: Finished) -> None:
        folder = unreachable.folder
        lines = unreachable.out.splitlines()
        (line,) = [line for line in lines if "scripts/publish.py" in line]
        place, *address = line.split("publish.py ")[1].split()
        assert address == ["--uri", "http://127.0.0.1:9"]
        for _ in range(2):
            succeeded(script("publish.py", place, "--uri", uri(folder), folder=folder))
            assert published(folder) == {"adam-seed0": "FINISHED", "adam-seed1": "FINISHED"}

    def test_a_run_alone_waits_no_longer_than_its_patience(self, tmp_path: Path) -> None:
        finished = run(*FEW, NOBODY, folder=tmp_path)
        assert finished.status == 0
        assert finished.err.count("\n") == 1
        assert "scripts/publish.py" in finished.out


@pytest.mark.slow
class TestBadDatabase:
    def test_locked_by_another_program(self, tmp_path: Path) -> None:
        succeeded(run(*FEW, tracked(tmp_path), folder=tmp_path))
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            finished = run("seed=1", *FEW, tracked(tmp_path), folder=tmp_path)
            connection.rollback()
        assert finished.status == 0
        assert "locked" in finished.err
        assert finished.err.startswith("warning: ")
        assert finished.err.count("\n") == 1
        assert [record.status for record in finished.records()] == ["done", "done"]
        succeeded(script("publish.py", "outputs", "--uri", uri(tmp_path), folder=tmp_path))
        assert len(published(tmp_path)) == 2

    @pytest.mark.parametrize("what", ["no database", "a folder", "nowhere"])
    def test_cannot_be_opened(self, what: str, tmp_path: Path) -> None:
        place = tmp_path / "mlflow.db"
        if what == "no database":
            place.write_text("These are the notes of last week's meeting.\n" * 100)
        elif what == "a folder":
            place.mkdir()
        else:
            place = Path("/proc/nowhere/mlflow.db")  # where even root cannot write
        finished = run(*FEW, f"tracking.uri=sqlite:///{place}", folder=tmp_path)
        assert finished.status == 0
        assert finished.err.startswith("warning: MLflow at sqlite:///")
        assert "Traceback" not in finished.err
        assert finished.err.count("\n") == 1
        assert finished.record().status == "done"
        assert "scripts/publish.py" in finished.out

    def test_an_address_that_is_none(self, tmp_path: Path) -> None:
        finished = run(*FEW, "tracking.uri=mlflow.db", folder=tmp_path)
        assert finished.status == 1
        assert finished.err.startswith("error: tracking.uri is 'mlflow.db'")
        assert "sqlite:///FILE.db" in finished.err
        assert not finished.records()
