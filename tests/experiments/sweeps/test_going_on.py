"""What is finished is taken over, and what was killed goes on: jobs, checkpoints and records."""

import dataclasses
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import RecordError
from experiments.runs import execution
from experiments.runs.execution import Execution
from experiments.runs.find import find_records
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.training.stack import Stack
from experiments.training.status import Status
from tests.experiments.runs.test_execute import DATASET, without_times
from tests.experiments.small_runs import execute_jobs, make_dataset, make_small_job

ALWAYS = {"checkpoint__seconds": 0}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that are trained, one entry for each run."""
    epochs: list[int] = []
    train_epoch = Stack.train_epoch

    def noted(stack: Any) -> None:
        train_epoch(stack)
        epochs.extend([stack.epoch] * len(stack.live))

    monkeypatch.setattr(Stack, "train_epoch", noted)
    return epochs


def killed_at(epoch: int) -> Callable[[int, Sequence[tuple[int, float]]], None]:
    """Before the checkpoint of that epoch is written."""

    def on_epoch(now: int, losses: Sequence[tuple[int, float]]) -> None:
        if now == epoch:
            raise Killed

    return on_epoch


def job(name: str, seed: int = 0, **changes: Any) -> Job:
    settings = {"training__epochs": 6, "model__dropout": 0.2, **ALWAYS, **changes}
    return make_small_job(Path(name), seed=seed, **settings)


def records(folders: Sequence[Path]) -> dict[int, Record]:
    found = [Record.read(folder) for folder in folders]
    return {record.seed: record for record in found}


def results(record: Record) -> dict[str, Any]:
    told = without_times(record)
    own = ("resumed", "command", "sweep", "started_in")
    data = {k: v for k, v in told["data"].items() if k not in own}
    return {**told, "data": data}


def test_the_same_run_again_is_taken_over(trained: list[int]) -> None:
    (first,) = execute_jobs([job("one")], DATASET)
    count = len(trained)
    again = dataclasses.replace(
        job("two"), name="another", sweep="s2", command="python run.py", labels={"stage": "tuning"}
    )
    (second,) = execute_jobs([again], DATASET)
    assert len(trained) == count
    one, two = Record.read(first), Record.read(second)
    assert one.uid == two.uid
    assert results(one) == results(
        dataclasses.replace(two, data={**two.data, "name": one.name, "labels": {}})
    )
    assert (two.name, two.sweep, two.labels) == ("another", "s2", {"stage": "tuning"})
    assert (one.started, one.finished) == (two.started, two.finished)
    assert {p.name for p in first.iterdir()} == {p.name for p in second.iterdir()}
    assert (first / "weights.npz").samefile(second / "weights.npz")
    assert not (first / "run.log").samefile(second / "run.log")


def test_a_copy_outlives_what_it_was_taken_from(trained: list[int]) -> None:
    (first,) = execute_jobs([job("one")], DATASET)
    (second,) = execute_jobs([job("two")], DATASET)
    before = results(Record.read(second))
    shutil.rmtree(first)
    count = len(trained)
    (third,) = execute_jobs([job("three")], DATASET)
    assert len(trained) == count
    assert results(Record.read(third)) == before


def test_a_copy_where_there_are_no_links(
    monkeypatch: pytest.MonkeyPatch, trained: list[int]
) -> None:
    (first,) = execute_jobs([job("one")], DATASET)

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (second,) = execute_jobs([job("two")], DATASET)
    assert not (first / "weights.npz").samefile(second / "weights.npz")
    assert results(Record.read(first)) == results(Record.read(second))
    assert trained == [1, 2, 3, 4, 5, 6]


def test_into_its_own_folder() -> None:
    (first,) = execute_jobs([job("one")], DATASET)
    before = results(Record.read(first))
    (second,) = execute_jobs([dataclasses.replace(job("one"), sweep="s")], DATASET)
    assert first == second
    assert results(Record.read(second)) == before
    assert Record.read(second).sweep == "s"


def test_into_its_own_folder_with_snapshots(trained: list[int]) -> None:
    snapshots = {"training__snapshots": 3}
    (first,) = execute_jobs([job("one", **snapshots)], DATASET)
    count = len(trained)
    before = Record.read(first).snapshots()
    for _ in range(2):
        list(execute_jobs([job("one", **snapshots)], DATASET))
        assert Record.read(first).is_whole
        assert Record.read(first).snapshots().keys() == before.keys()
    assert len(trained) == count


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer__lr": 0.25},
        {"training__epochs": 7},
        {"model__hidden": [5]},
    ],
)
def test_another_run_is_trained(changed: dict[str, Any], trained: list[int]) -> None:
    list(execute_jobs([job("one")], DATASET))
    count = len(trained)
    list(execute_jobs([job("two", **changed)], DATASET))
    assert len(trained) > count


def test_where_it_is_tracked_makes_no_other_run(trained: list[int]) -> None:
    list(execute_jobs([job("one")], DATASET))
    count = len(trained)
    changed = {"tracking__models": "all", "experiment_name": "other", "checkpoint__seconds": 5}
    (folder,) = execute_jobs([job("two", **changed)], DATASET)
    assert len(trained) == count
    record = Record.read(folder)
    assert record.experiment == "other"
    assert record.config["experiment_name"] == "other"


def test_other_data_are_trained_on_and_it_is_said_why(trained: list[int]) -> None:
    list(execute_jobs([job("one")], DATASET))
    other = make_dataset(seed=1)
    assert Execution(job("two"), other).reason_to_retrain() == "the data have changed"
    count = len(trained)
    list(execute_jobs([job("two")], other))
    assert len(trained) == 2 * count


def test_forgotten_is_trained_anew(trained: list[int]) -> None:
    (first,) = execute_jobs([job("one")], DATASET)
    Execution(job("two"), DATASET).forget()
    (second,) = execute_jobs([job("two")], DATASET)
    assert len(trained) == 12
    one, two = Record.read(first), Record.read(second)
    assert one.uid != two.uid
    assert results(one) == results(two)


@pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED])
def test_what_has_not_finished_trains_again(status: Status, trained: list[int]) -> None:
    Execution(job("one"), DATASET).give_up("no luck", status)
    (folder,) = execute_jobs([job("two")], DATASET)
    assert Record.read(folder).status == "done"
    assert len(trained) == 6


@given(
    kills=st.lists(st.integers(1, 6), max_size=4),
    widths=st.lists(st.integers(1, 3), min_size=5, max_size=5),
)
def test_killed_at_any_epoch_in_any_stack(
    kills: list[int], widths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However often and with whatever neighbours: the bits of runs never interrupted, one uid."""
    base = tmp_path_factory.mktemp("kills")
    seeds = (0, 1, 2)
    plain = [dataclasses.replace(job("x", seed), folder=base / f"plain{seed}") for seed in seeds]
    expected = records(list(execute_jobs(plain, DATASET, cache_dir=base / "plain cache")))
    uids: dict[int, set[str]] = {seed: set() for seed in seeds}
    for attempt, (kill, width) in enumerate(zip([*kills, 7], widths, strict=False)):
        jobs = [
            dataclasses.replace(job("x", s), folder=base / str(attempt) / str(s)) for s in seeds
        ]
        for start in range(0, 3, width):
            stack = jobs[start : start + width]
            try:
                list(execute_jobs(stack, DATASET, killed_at(kill), cache_dir=base / "cache"))
            except Killed:
                for one in stack:
                    if (one.folder / "progress.json").exists():
                        uids[one.run.seed].add(Record.read_progress(one.folder).uid)
    found = records([one.folder for one in jobs])
    for seed in seeds:
        assert results(found[seed]) == results(expected[seed])
        assert uids[seed] <= {found[seed].uid}
        assert found[seed].started <= found[seed].finished
    assert not list((base / "cache" / "checkpoints").iterdir())
    assert {record.status for record in find_records(base)} == {"done"}


def test_progress_is_a_record_in_the_making(trained: list[int]) -> None:
    with pytest.raises(Killed):
        list(execute_jobs([job("one")], DATASET, killed_at(4)))
    progress = Record.read_progress("one")
    assert progress.status == "running"
    assert progress.metrics()["epoch"].tolist() == [0, 1, 2, 3]
    assert progress.summary["best/epoch"] <= 3
    assert progress.config["training"]["epochs"] == 6
    assert progress.dataset["digest"] == DATASET.digest
    assert find_records(".") == []
    with pytest.raises(RecordError, match="no complete record"):
        Record.read("one")

    (folder,) = execute_jobs([job("two")], DATASET)
    assert trained == [1, 2, 3, 4, 4, 5, 6]
    record = Record.read(folder)
    assert record.uid == progress.uid
    assert record.data["resumed"] == [3]
    assert record.started == progress.started
    assert "epoch 3" in (folder / "run.log").read_text().split("resumed from here")[0]
    with pytest.raises(RecordError, match="is missing"):
        Record.read_progress(folder)


def test_a_run_that_goes_on_with_other_kernels_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for core, epoch in (("Haswell", 3), ("Haswell", 4), ("Zen", 5)):
        monkeypatch.setattr(execution, "blas_core", lambda core=core: core)
        with pytest.raises(Killed):
            list(execute_jobs([job("one")], DATASET, killed_at(epoch)))
    checkpoints = Execution(job("one"), DATASET).checkpoints
    assert checkpoints.about()["blas_cores"] == ["Haswell", "Zen"]
    (folder,) = execute_jobs([job("two")], DATASET)
    assert Record.read(folder).blas_cores == ("Haswell", "Zen")
    assert checkpoints.about() == {}


def test_the_progress_of_a_killed_command_is_cleared_when_the_run_goes_on_elsewhere() -> None:
    def kill(folder: str, epoch: int) -> None:
        with pytest.raises(Killed):
            list(execute_jobs([job(folder)], DATASET, killed_at(epoch)))

    kill("one", 3)
    kill("two", 5)  # which has written its own
    assert not Path("one/progress.json").exists()
    assert Path("two/progress.json").exists()
    (folder,) = execute_jobs([job("three")], DATASET)
    assert not Path("two/progress.json").exists()
    assert Record.read(folder).status == "done"


def test_progress_of_another_execution_stays(trained: list[int]) -> None:
    with pytest.raises(Killed):
        list(execute_jobs([job("one")], DATASET, killed_at(3)))
    progress = Path("one/progress.json")
    uid = Record.read_progress("one").uid
    progress.write_text(progress.read_text().replace(uid, "0" * 32))
    list(execute_jobs([job("two")], DATASET))
    assert progress.exists()


def test_an_interrupted_run_goes_on_as_the_same(trained: list[int]) -> None:
    def interrupt(epoch: int, losses: Any) -> None:
        if epoch == 4:
            raise KeyboardInterrupt

    slow = {"checkpoint__seconds": 1000}
    folders: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        folders.extend(execute_jobs([job("one", **slow)], DATASET, interrupt))
    interrupted = Record.read(folders[0])
    assert interrupted.status == "interrupted"
    (folder,) = execute_jobs([job("two", **slow)], DATASET)
    assert trained == [1, 2, 3, 4, 5, 6]
    assert Record.read(folder).uid == interrupted.uid
    marked = Record.read(Execution(job("three", 1), DATASET).give_up("never began"))
    assert marked.uid != interrupted.uid


def test_without_checkpoints_it_starts_anew(trained: list[int]) -> None:
    never = {"checkpoint__seconds": None}
    with pytest.raises(Killed):
        list(execute_jobs([job("one", **never)], DATASET, killed_at(4)))
    assert not Path(".cache/checkpoints").exists()
    assert not Path("one/progress.json").exists()
    list(execute_jobs([job("two", **never)], DATASET))
    assert trained == [1, 2, 3, 4, 1, 2, 3, 4, 5, 6]


def test_a_short_run_writes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        execution.Checkpoints, "write", lambda *_: pytest.fail("a checkpoint was written")
    )
    list(execute_jobs([job("one", checkpoint__seconds=10)], DATASET))


def test_a_torn_checkpoint_costs_an_interval(
    trained: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Killed):
        list(execute_jobs([job("one")], DATASET, killed_at(5)))
    newest = max(Path(".cache/checkpoints").glob("*/*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    trained.clear()
    list(execute_jobs([job("two")], DATASET))
    assert trained == [4, 5, 6]
    err = capsys.readouterr().err
    assert err.startswith("warning: ")
    assert "this checkpoint is not used: it is damaged" in err


def test_a_checkpoint_that_cannot_be_written_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(".cache").mkdir()
    Path(".cache/checkpoints").write_text("a file where a folder should be")
    jobs = [job(str(seed), seed) for seed in range(2)]
    found = records(list(execute_jobs(jobs, DATASET)))
    assert {record.status for record in found.values()} == {"done"}
    err = capsys.readouterr().err
    assert err.count("a checkpoint cannot be written") == len(set(err.splitlines()))
    Path(".cache/checkpoints").unlink()
    Path(".cache/runs").rename(".cache/elsewhere")
    plain = records(list(execute_jobs([job("x0"), job("x1", 1)], DATASET)))
    assert [results(found[s]) for s in (0, 1)] == [results(plain[s]) for s in (0, 1)]


def test_an_index_that_cannot_be_written_is_told_once(
    trained: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    execution.warn_once.cache_clear()
    Path(".cache").mkdir()
    Path(".cache/runs").write_text("a file where a folder should be")
    list(execute_jobs([job("one"), job("two", 1)], DATASET))
    assert capsys.readouterr().err.count("will train finished runs again") == 1
    list(execute_jobs([job("three")], DATASET))
    assert len(trained) == 18


@pytest.mark.skipif(os.name != "posix", reason="a limit on files as POSIX has it")
def test_a_disk_that_is_full_leaves_no_half_record(
    monkeypatch: pytest.MonkeyPatch, trained: list[int]
) -> None:
    """Whichever write of a record fails: none is there, and the next command completes it."""
    flush, count = os.fsync, 6
    for failing in range(count):
        flushed: list[int] = []

        def full(file: int, failing: int = failing) -> None:
            if len(flushed) == failing:  # noqa: B023
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flushed.append(file)  # noqa: B023
            flush(file)

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(RecordError, match="No space left"):
                list(execute_jobs([job(f"full{failing}", failing)], DATASET))
        assert find_records(".") == []
        trained.clear()
        (folder,) = execute_jobs([job(f"free{failing}", failing)], DATASET)
        assert trained == [6]
        assert np.isfinite(Record.read(folder).metrics()["val/loss"]).all()
        shutil.rmtree(folder)
