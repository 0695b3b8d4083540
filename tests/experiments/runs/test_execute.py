"""From jobs to records: complete ones, and one run's failure is that run's alone."""

import csv
import dataclasses
import gc
import json
import re
import sys
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from threadpoolctl import threadpool_info

from experiments.datasets import Dataset, Task
from experiments.datasets.preprocessing import Preprocessing
from experiments.errors import ConfigError, RecordError
from experiments.runs import execute as execute_module
from experiments.runs.execution import Execution
from experiments.runs.find import find_records
from experiments.runs.identity import Identity
from experiments.runs.job import Job
from experiments.runs.layout import FILES
from experiments.runs.record import Record
from experiments.training.loop import train
from experiments.training.stack import Stack
from experiments.training.status import Status
from nn.optimizers import SGD
from tests.experiments.small_runs import LOSSES, execute_jobs, make_dataset, make_small_job

DATASET = make_dataset()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test has trained is unknown here."""
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Faulty(SGD):
    """Fails at one step of each training."""

    step: int = 1

    @staticmethod
    def coefficients(h: Any, t: int) -> dict[str, Any]:
        if t >= h.step.item():
            raise ZeroDivisionError(f"step {t} was too much")
        return SGD.coefficients(h, t)


def faulty(job: Job, step: int) -> Job:
    return dataclasses.replace(
        job, run=dataclasses.replace(job.run, optimizer=Faulty(lr=0.5, step=step))
    )


def executed(
    jobs: Sequence[Job], dataset: Dataset = DATASET, *, cache: str = ".cache"
) -> dict[str, Record]:
    """The records by the folder's name, in the order in which they came."""
    folders = execute_jobs(jobs, dataset, cache_dir=Path(cache))
    return {folder.name: Record.read(folder) for folder in folders}


def without_times(record: Record) -> dict[str, Any]:
    metrics = {k: v.tobytes() for k, v in record.metrics().items() if k != "seconds"}
    weights = {
        f"{which}/{name}": value.tobytes()
        for which in ("final", "best")
        for name, value in record.weights(which).items()
    }
    summary = {k: v for k, v in record.summary.items() if not k.startswith("time/")}
    ignored = {"uid", "started", "finished", "summary"}
    data = {k: v for k, v in record.data.items() if k not in ignored}
    return {**metrics, **weights, "summary": summary, "data": data}


def test_a_record_is_complete(tmp_path: Path) -> None:
    job = make_small_job(
        tmp_path / "run",
        overrides=["optimizer.lr=0.5", "seed=3"],
        sweep="2025_sweep",
        varied=["optimizer.lr"],
        seed=3,
    )
    (folder,) = execute_jobs([job], DATASET)
    assert folder == tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {*FILES, "run.log"}

    record = Record.read(folder)
    data = json.loads((folder / "record.json").read_text())
    (outcome,) = train([job.run], DATASET)
    assert re.fullmatch("[0-9a-f]{32}", record.uid)
    assert record.identity == Identity.of(job.config, DATASET.digest).id
    assert {key: data[key] for key in ("format", "name", "status", "message", "seed")} == {
        "format": 1,
        "name": "sgd-lr0.5-seed3",
        "status": "done",
        "message": None,
        "seed": 3,
    }
    assert (data["experiment"], data["sweep"]) == ("small", "2025_sweep")
    assert data["command"] == job.command
    assert data["overrides"] == ["optimizer.lr=0.5", "seed=3"]
    assert data["choices"] == {"optimizer": "sgd"}
    assert data["dataset"] == {
        "name": "small",
        "task": "multiclass",
        "digest": DATASET.digest,
        "rows": {"train": 23, "validation": 11, "test": 9},
        "features": 3,
        "shape": [3],
        "padded": False,
        "tokens": 0,
        "steps": 0,
        "outputs": 3,
        "target_names": ["y0", "y1", "y2"],
        "feature_names": ["x0", "x1", "x2"],
    }
    assert data["environment"]["numpy"] == np.__version__
    assert data["environment"]["blas_threads"] == 1
    assert {"python", "blas", "platform", "commit"} <= set(data["environment"])

    times = {"time/us_per_step", "time/seconds"}
    assert set(record.summary) == set(outcome.summary)
    for key in set(outcome.summary) - times:
        assert record.summary[key] == outcome.summary[key], key
    duration = datetime.fromisoformat(data["finished"]) - datetime.fromisoformat(data["started"])
    assert duration == timedelta(seconds=record.summary["time/seconds"])
    assert datetime.fromisoformat(data["started"]).utcoffset() == timedelta(0)

    assert yaml.safe_load((folder / "config.yaml").read_text()) == job.config
    assert record.config == job.config
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert (rows[0]["lr"], rows[0]["gradient_norm"]) == ("", "")
    assert [float(row["val/loss"]) for row in rows] == outcome.metrics["val/loss"]
    with np.load(folder / "weights.npz", allow_pickle=False) as weights:
        assert set(weights.files) == set(outcome.weights)
        for name in weights.files:
            assert weights[name].tobytes() == outcome.weights[name].tobytes()
    restored = Preprocessing.from_json((folder / "preprocessing.json").read_text())
    assert restored == DATASET.preprocessing


def test_the_log_tells_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "optimizer=sgd"])
    job = make_small_job(tmp_path, training__epochs=2)
    (folder,) = execute_jobs([job], DATASET)
    lines = (folder / "run.log").read_text().splitlines()
    metrics = Record.read(folder).metrics()
    layers = ["layer", "input", "dense1", "activation1", "dense2", "total"]
    assert [line.split()[0] for line in lines[1:7]] == layers
    assert len(lines) == 1 + len(layers) + 3 + 1
    started = r"\d{4}(-\d\d){2} \d\d(:\d\d){2}"
    assert re.match(rf"{started} sgd-seed0: python run\.py optimizer=sgd$", lines[0])
    assert lines[8] == "epoch 1: " + ", ".join(
        f"{name} {metrics[name][1]:.6g}"
        for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    )
    assert lines[-1] == "done"


@pytest.mark.parametrize("task", LOSSES)
def test_every_task_leaves_a_record(task: Task, tmp_path: Path) -> None:
    loss = {
        Task.BINARY: "nn.BinaryCrossEntropy",
        Task.MULTICLASS: "nn.CrossEntropy",
        Task.MULTILABEL: "nn.BinaryCrossEntropy",
        Task.REGRESSION: "nn.MeanSquaredError",
    }[task]
    (folder,) = execute_jobs(
        [make_small_job(tmp_path, loss={"_target_": loss})], make_dataset(task)
    )
    record = Record.read(folder)
    assert record.data["dataset"]["task"] == str(task)
    assert record.data["dataset"]["outputs"] == (1 if task is Task.BINARY else 3)
    score = "r2" if task is Task.REGRESSION else "accuracy"
    assert f"val/{score}" in record.metrics()
    assert f"test/{score}" in record.summary


def test_every_job_of_a_stack_gets_its_own_record(tmp_path: Path) -> None:
    jobs = [
        make_small_job(tmp_path / str(seed), seed=seed, training__epochs=epochs)
        for seed, epochs in enumerate([3, 1, 2])
    ]
    records = executed(jobs)
    assert list(records) == ["1", "2", "0"]  # as they end
    assert len({record.uid for record in records.values()}) == 3
    assert len({record.identity for record in records.values()}) == 3
    for job in jobs:
        again = dataclasses.replace(job, folder=tmp_path / "alone")
        alone = executed([again], cache="another")["alone"]
        assert without_times(records[job.folder.name]) == without_times(alone)
        assert alone.identity == records[job.folder.name].identity
        assert alone.uid != records[job.folder.name].uid


def test_a_diverged_run_is_recorded_as_such(tmp_path: Path) -> None:
    dataset = make_dataset(Task.REGRESSION)
    loss = {"_target_": "nn.MeanSquaredError"}
    job = make_small_job(tmp_path / "wild", loss=loss, optimizer__lr=1e30, training__epochs=9)
    calm = make_small_job(tmp_path / "calm", loss=loss, optimizer__lr=1e-3)
    records = executed([job, calm], dataset)
    wild = records["wild"]
    assert wild.status == "diverged"
    assert wild.message is not None
    assert "not finite after epoch" in wild.message
    assert wild.summary["final/train_loss"] is None
    assert not np.isfinite(wild.metrics()["train/loss"][-1])
    assert wild.summary["best/val_loss"] is not None
    assert "NaN" not in (wild.folder / "record.json").read_text()
    log = (wild.folder / "run.log").read_text().splitlines()
    assert log[-1] == f"diverged: {wild.message}"
    assert records["calm"].status == "done"


@pytest.mark.parametrize("step", [1, 4, 9])
def test_a_failing_run_leaves_its_stack_mates_alone(step: int, tmp_path: Path) -> None:
    jobs = [
        make_small_job(tmp_path / str(seed), seed=seed, training__epochs=epochs)
        for seed, epochs in enumerate([3, 3, 1, 3])
    ]
    stack = [jobs[0], faulty(jobs[1], step), *jobs[2:]]
    told: list[tuple[int, list[int]]] = []
    folders = list(
        execute_jobs(
            stack, DATASET, lambda epoch, losses: told.append((epoch, [p for p, _ in losses]))
        )
    )
    assert sorted(folder.name for folder in folders) == ["0", "1", "2", "3"]
    records = {record.folder.name: record for record in find_records(tmp_path)}
    failed = records["1"]
    assert failed.status == "failed"
    assert failed.message == f"ZeroDivisionError: step {step} was too much"
    assert failed.summary == {}
    log = (failed.folder / "run.log").read_text()
    assert "Traceback" in log
    assert f"ZeroDivisionError: step {step} was too much" in log
    assert "coefficients" in log
    # 23 rows in steps of 8 are 3 steps an epoch.
    for name in ("0", "2", "3"):
        assert records[name].status == "done"
        alone = dataclasses.replace(stack[int(name)], folder=tmp_path / "again" / name)
        assert without_times(records[name]) == without_times(
            executed([alone], cache="another")[name]
        )
    # Who trains alone is still called by the place it had.
    assert {p for _, positions in told for p in positions} <= {0, 1, 3}
    assert (2, [0]) in told
    assert (2, [3]) in told


def test_a_run_that_fails_alone_fails_once(tmp_path: Path) -> None:
    (folder,) = execute_jobs([faulty(make_small_job(tmp_path), 2)], DATASET)
    record = Record.read(folder)
    assert record.status == "failed"
    assert record.data["dataset"]["name"] == "small"
    assert record.identity == Identity.of(record.config, DATASET.digest).id
    assert (folder / "preprocessing.json").exists()


def test_all_of_a_stack_may_fail(tmp_path: Path) -> None:
    jobs = [faulty(make_small_job(tmp_path / str(i), seed=i), i + 1) for i in range(3)]
    records = executed(jobs)
    assert [record.message for record in records.values()] == [
        f"ZeroDivisionError: step {i + 1} was too much" for i in range(3)
    ]


def test_an_interrupt_leaves_records_that_say_so(tmp_path: Path) -> None:
    jobs = [make_small_job(tmp_path / str(i), seed=i) for i in range(2)]
    folders = []

    def interrupt(epoch: int, losses: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folders.extend(execute_jobs(jobs, DATASET, interrupt))
    assert [folder.name for folder in folders] == ["0", "1"]
    for folder in folders:
        record = Record.read(folder)
        assert record.status == "interrupted"
        assert record.metrics()["epoch"].tolist() == [0, 1, 2]
        assert record.weights("final").keys() == record.weights("best").keys()
        assert (folder / "run.log").read_text().endswith("interrupted\n")


def test_a_users_mistake_is_not_a_failed_run(tmp_path: Path) -> None:
    job = make_small_job(tmp_path / "run")
    with pytest.raises(ConfigError, match="does not fit"):
        list(execute_jobs([job], make_dataset(Task.REGRESSION)))
    assert not (tmp_path / "run").exists()


def test_a_record_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="cannot be written"):
        list(execute_jobs([make_small_job(tmp_path / "file" / "run")], DATASET))


def test_a_failure_before_there_are_data(tmp_path: Path) -> None:
    job = make_small_job(tmp_path, sweep="s")
    record = Record.read(
        Execution(job, None).give_up("the sweep was interrupted", Status.INTERRUPTED)
    )
    assert (record.status, record.message) == ("interrupted", "the sweep was interrupted")
    assert record.data["dataset"] == {}
    assert record.sweep == "s"
    assert not (tmp_path / "preprocessing.json").exists()
    assert record.identity != Identity.of(job.config, DATASET.digest).id
    try:
        raise OSError("disk on fire")
    except OSError as error:
        record = Record.read(Execution(job, DATASET).write_failure(error))
    assert (record.status, record.message) == ("failed", "OSError: disk on fire")
    assert "raise OSError" in (tmp_path / "run.log").read_text()


def test_an_older_record_in_the_folder_is_replaced(tmp_path: Path) -> None:
    (folder,) = execute_jobs([make_small_job(tmp_path)], DATASET)
    first = Record.read(folder)
    (folder,) = execute_jobs([faulty(make_small_job(tmp_path, seed=1), 1)], DATASET)
    second = Record.read(folder)
    assert (first.status, second.status) == ("done", "failed")
    assert first.uid != second.uid
    assert second.metrics() == {}


@pytest.mark.parametrize("threads", [1, 2])
def test_products_take_the_threads_asked_for(threads: int, tmp_path: Path) -> None:
    seen: set[int] = set()

    def look(epoch: int, losses: Any) -> None:
        blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
        assert blas
        seen.update(info["num_threads"] for info in blas)

    before = threadpool_info()
    (folder,) = execute_jobs(
        [make_small_job(tmp_path, training__blas_threads=threads)], DATASET, look
    )
    assert seen == {threads}
    assert threadpool_info() == before
    assert Record.read(folder).data["environment"]["blas_threads"] == threads


def test_names_beyond_ascii_survive(tmp_path: Path) -> None:
    job = make_small_job(tmp_path / "läufe", experiment_name="größe θ")
    (folder,) = execute_jobs([job], DATASET)
    record = Record.read(folder)
    assert record.data["experiment"] == record.config["experiment_name"] == "größe θ"


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> "Room":
    return Room(monkeypatch)


class Room:
    """Memory for stacks of at most `runs` runs, and only when those before are freed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = 8
        self.widths: list[int] = []
        self._stacks: list[weakref.ref[Stack]] = []
        train_epoch = Stack.train_epoch
        monkeypatch.setattr(
            Stack, "train_epoch", lambda stack: train_epoch(stack) or self._use_memory(stack)
        )
        monkeypatch.setattr(execute_module, "warn_once", self._warn)
        self.warnings: list[str] = []

    def _warn(self, message: str) -> None:
        self.warnings.append(message)

    def _use_memory(self, stack: Stack) -> None:
        if all(other() is not stack for other in self._stacks):
            assert all(other() is None for other in self._stacks), "an earlier stack is not freed"
            self._stacks.append(weakref.ref(stack))
            self.widths.append(len(stack.live))
        if stack.epoch == 2 and len(stack.live) > self.runs:
            np.empty(2**50)  # which NumPy refuses


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Whatever is freed is freed without the garbage collector, which runs seldom."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("runs", "widths"), [(3, [5, 2, 2, 1]), (2, [5, 2, 2, 1]), (1, [5, 2, 1, 1, 2, 1, 1, 1])]
)
def test_a_stack_that_does_not_fit_in_memory_is_narrowed(
    runs: int, widths: list[int], room: Room, tmp_path: Path
) -> None:
    jobs = [make_small_job(tmp_path / str(seed), seed=seed) for seed in range(5)]
    expected = {name: without_times(r) for name, r in executed(jobs, cache="wide").items()}
    room.widths.clear()
    room.runs = runs
    found = executed(jobs, cache="narrow")
    assert room.widths == widths
    assert {name: without_times(record) for name, record in found.items()} == expected
    assert room.warnings[0] == (
        "a stack of 5 runs does not fit in memory; its runs are trained in stacks of 2 "
        "(hydra.launcher.width=2 does so from the start)"
    )


def test_runs_that_are_narrowed_go_on_from_their_checkpoints(room: Room, tmp_path: Path) -> None:
    room.runs = 2
    jobs = [
        make_small_job(tmp_path / str(seed), seed=seed, checkpoint__seconds=seconds)
        for seed, seconds in enumerate([0, 0, 1000, 1000])
    ]
    records = executed(jobs)
    assert {record.status for record in records.values()} == {"done"}
    assert [records[str(seed)].data["resumed"] for seed in range(4)] == [[1], [1], [], []]


def test_a_run_that_does_not_fit_in_memory_says_what_to_change(room: Room, tmp_path: Path) -> None:
    room.runs = 0
    records = executed([make_small_job(tmp_path / str(seed), seed=seed) for seed in range(2)])
    for record in records.values():
        assert record.status == "failed"
        assert record.message is not None
        assert record.message.startswith("the run does not fit in memory (MemoryError: ")
        for cure in ("hydra.launcher.n_jobs=1", "model.hidden", "training.batch_size"):
            assert cure in record.message
        assert "\n" not in record.message


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("failing", range(4))
def test_a_record_that_does_not_fit_in_memory_is_written_later(
    failing: int, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run trains again in a narrower stack."""
    write, refused = Execution.write, []

    def limited(execution: Execution, *arguments: Any) -> Path:
        if execution.job.run.seed == failing and not refused:
            refused.append(execution)
            raise MemoryError
        return write(execution, *arguments)

    monkeypatch.setattr(Execution, "write", limited)
    jobs = [make_small_job(tmp_path / str(seed), seed=seed) for seed in range(4)]
    records = executed(jobs)
    assert sorted(records) == ["0", "1", "2", "3"]
    assert {record.status for record in records.values()} == {"done"}
    assert room.widths[0] == 4 > max(room.widths[1:])
