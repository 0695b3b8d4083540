"""A sweep from Python: without Hydra, a console or a tracker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import ConfigError, UserError
from experiments.runs import execution, owners
from experiments.runs.job import Job
from experiments.runs.owners import OWNER, Ownership
from experiments.runs.record import Record
from experiments.sweeps import sweep as module
from experiments.sweeps.listener import Listener, Plan
from experiments.sweeps.sweep import Sweep
from experiments.workers.in_process import InProcess
from experiments.workers.local_processes import Processes
from experiments.workers.pool import WorkerPool
from tests.experiments.small_runs import make_small_job

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(seed: int, folder: str = "runs", **changes: Any) -> Job:
    # The data of XOR have two classes that one output tells apart.
    return make_small_job(
        Path(folder, str(seed)), seed=seed, loss={"_target_": "nn.BinaryCrossEntropy"}, **changes
    )


class Noting(Listener):
    """Notes what it is told; interrupts a sweep when it has been asked so many times."""

    def __init__(self, interrupt_at: float | None = None) -> None:
        self.events: list[Any] = []
        self.epochs: list[float] = []
        self.interrupt_at = interrupt_at

    def check_for_interrupts(self) -> None:
        if self.interrupt_at is not None and self.epochs and self.epochs[-1] >= self.interrupt_at:
            raise KeyboardInterrupt

    def warn(self, message: str) -> None:
        self.events.append(("warn", message))

    def batch_begun(self, jobs: Sequence[Job], title: str) -> None:
        self.events.append(("begun", title))

    def run_reused(self, job: Job, record: Record, earlier: Record) -> None:
        assert record.folder == job.folder.absolute() or record.folder == job.folder
        self.events.append(("reused", job.run.seed))

    def planned(self, plan: Plan) -> None:
        self.events.append(plan)

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        self.events.append(("training", len(jobs)))

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        self.epochs.append(epochs)

    def run_ended(self, position: int, record: Record) -> None:
        self.events.append((position, str(record.status)))

    def interrupted(self, error: KeyboardInterrupt | UserError) -> None:
        self.events.append(("interrupted", type(error)))

    def training_ended(self) -> None:
        self.events.append("ended")


def test_records_come_in_the_order_of_jobs_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Sweep(Path("runs"), InProcess()) as sweep:
        records = sweep.run([job(seed) for seed in (3, 1, 2)])
    assert [record.seed for record in records] == [3, 1, 2]
    assert {str(record.status) for record in records} == {"done"}
    assert {record.sweep for record in records} == {sweep.id}
    assert capfd.readouterr() == ("", "")


def test_a_sweep_of_no_runs_is_refused(tmp_path: Path) -> None:
    with Sweep(Path("runs"), InProcess()) as sweep, pytest.raises(ConfigError, match="no runs"):
        sweep.run([])
    assert list(tmp_path.iterdir()) == []


def test_data_that_do_not_fit_in_memory_say_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "cached_dataset", refuse)
    with (
        Sweep(Path("runs"), InProcess()) as sweep,
        pytest.raises(
            ConfigError, match=r"Xor: the data do not fit in memory; dataset\.limit=NUMBER"
        ),
    ):
        sweep.run([job(0)])


def test_workers_give_the_bits_of_this_process() -> None:
    with Sweep(Path("here"), InProcess()) as sweep:
        here = sweep.run([job(seed, "here") for seed in range(3)])
    again = [job(seed, "there", rerun=True) for seed in range(3)]
    with Sweep(Path("there"), WorkerPool(Processes(2))) as sweep:
        there = sweep.run(again)
    for one, other in zip(here, there, strict=True):
        assert one.uid != other.uid
        assert (one.folder / "weights.npz").read_bytes() == (
            other.folder / "weights.npz"
        ).read_bytes()


def test_a_listener_is_told_everything_in_order() -> None:
    first = Noting()
    with Sweep(Path("runs"), InProcess(), listener=first) as sweep:
        sweep.run([job(0), job(1)], "two of them")
    assert first.events == [
        ("begun", "two of them"),
        Plan(2),
        ("training", 2),
        (0, "done"),
        (1, "done"),
        "ended",
    ]
    assert first.epochs == sorted(first.epochs)
    assert 0 < first.epochs[-1] <= 2 * 3
    again = Noting()
    with Sweep(Path("more"), InProcess(), listener=again) as sweep:
        sweep.run([job(seed, "more") for seed in range(3)])
    assert again.events[:5] == [
        ("begun", "3 runs"),
        ("reused", 0),
        ("reused", 1),
        Plan(3, reused=2),
        ("training", 1),
    ]


def test_an_interrupted_sweep_marks_its_runs_and_goes_on_when_run_again() -> None:
    jobs = [job(0, training__epochs=6), job(1, model__hidden=[5])]  # of two stacks
    listener = Noting(interrupt_at=2)
    sweep = Sweep(Path("runs"), InProcess(), listener=listener)
    with pytest.raises(KeyboardInterrupt), sweep:
        sweep.run(jobs)
    assert [str(record.status) for record in sweep.records] == ["interrupted", "interrupted"]
    assert listener.events[3:] == [
        (0, "interrupted"),
        ("interrupted", KeyboardInterrupt),
        "ended",
        (1, "interrupted"),
    ]
    reached = len(sweep.records[0].metrics()["epoch"]) - 1
    assert 2 <= reached < 6
    follower = Noting()
    with Sweep(Path("runs"), InProcess(), listener=follower) as sweep:
        records = sweep.run(jobs)
    assert Plan(2, resumed=1) in follower.events
    assert [str(record.status) for record in records] == ["done", "done"]
    assert records[0].data["resumed"] == [reached]


def test_jobs_with_wrong_data_are_listed_and_nothing_trains() -> None:
    missing = {"_target_": "experiments.datasets.Csv", "path": "nowhere.csv", "target": "y"}
    jobs = [job(0), make_small_job(Path("runs/1"), seed=1, dataset=missing)]
    listener = Noting()
    with (
        Sweep(Path("runs"), InProcess(), listener=listener) as sweep,
        pytest.raises(
            ConfigError,
            match=r"nothing was trained; of 2 jobs these are invalid:\n  .*nowhere\.csv",
        ),
    ):
        sweep.run(jobs)
    assert listener.events == []
    assert not list(Path("runs").rglob("record.json"))


def test_a_run_that_is_no_sweep_keeps_its_own_id() -> None:
    with Sweep(Path("runs"), InProcess(), overrides=None) as sweep:
        (record,) = sweep.run([job(0)])
    assert sweep.id is None
    assert record.sweep is None


def test_batches_share_an_id_and_earlier_ones_are_continued() -> None:
    with Sweep(Path("runs"), InProcess(), overrides=["a=1"]) as first:
        first.run([job(0)])
        first.run([job(1)])
    assert len({record.sweep for record in first.records}) == 1
    with Sweep(Path("runs"), InProcess(), continues=True) as later:
        later.run([job(2)])
    assert later.id == first.id
    assert [record.seed for record in later.all_records] == [0, 1, 2]


def test_what_another_command_trains_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.0)
    claims: list[bool] = [False, False, True]

    class Claims:
        def __init__(self, folder: Path) -> None: ...

        def claim(self, identity: object) -> bool:
            return claims.pop(0)

        def release(self, identity: object) -> None: ...

    waited: list[int] = []

    class Waiting(Listener):
        def waiting(self, runs: int) -> None:
            waited.append(runs)

    monkeypatch.setattr(module, "Claims", Claims)
    with Sweep(Path("runs"), InProcess(), listener=Waiting()) as sweep:
        (record,) = sweep.run([job(0)])
    assert waited == [1, 1]
    assert record.status == "done"


def test_it_needs_neither_hydra_nor_a_console_nor_a_tracker() -> None:
    program = (
        "import sys\n"
        "import experiments.sweeps.sweep, experiments.sweeps.tuning.comparison\n"
        "import experiments.workers.in_process, experiments.workers.pool\n"
        "print({'hydra', 'omegaconf', 'rich', 'mlflow', 'matplotlib'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "set()\n", done.stderr


class Warned(Listener):
    """Collects warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def warnings_of_sweep(
    monkeypatch: pytest.MonkeyPatch, core: str, seeds: Sequence[int]
) -> list[str]:
    """Train a sweep on a processor of some kind; return its warnings."""
    monkeypatch.setattr(module, "blas_core", lambda: core)
    monkeypatch.setattr(execution, "blas_core", lambda: core)
    listener = Warned()
    with Sweep(Path(core), InProcess(), listener=listener) as sweep:
        sweep.run([job(seed, core) for seed in seeds])
    return listener.warnings


def test_a_sweep_that_goes_on_with_other_kernels_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings_of_sweep(monkeypatch, "Haswell", [0, 1]) == []
    assert warnings_of_sweep(monkeypatch, "Haswell", [0, 1, 2]) == []
    assert warnings_of_sweep(monkeypatch, "Zen", [0, 1, 2]) == []  # nothing is trained
    (warning,) = warnings_of_sweep(monkeypatch, "Zen", [0, 1, 2, 3])
    assert warning.startswith(
        "3 of 4 runs were trained or started with BLAS kernels for other processors: Haswell (3); "
        "this one has those for Zen."
    )
    assert "rerun=true" in warning


def test_warnings_about_data_are_given_once_a_sweep(tmp_path: Path) -> None:
    rows = [f"{i},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "small.csv").write_text("\n".join(["x,y", *rows]))
    data = {"_target_": "experiments.datasets.Csv", "path": "small.csv", "target": "y"}
    listener = Noting()
    with Sweep(Path("runs"), InProcess(), listener=listener) as sweep:
        sweep.run([job(0, dataset=data), job(1, dataset=data)])
        sweep.run([job(2, dataset=data)])
    said = [event for event in listener.events if isinstance(event, tuple)]
    warned = [message for kind, message in said if kind == "warn"]
    assert len(warned) == 1
    assert "small: the validation part has only 4 rows" in warned[0]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_another_sweep_is_refused_before_anything_is_written() -> None:
    def train(seeds: Sequence[int]) -> None:
        jobs = [replace(job(seed), files={"of/job.txt": str(seeds)}) for seed in seeds]
        with Sweep(Path("runs"), InProcess(), files={"sweep.txt": str(seeds)}) as sweep:
            sweep.run(jobs)

    train([0, 1, 2])
    before = contents(Path("runs"))
    assert before[Path("runs/sweep.txt")] == before[Path("runs/2/of/job.txt")] == b"[0, 1, 2]"
    with pytest.raises(UserError, match=r"1 run of another sweep \(sgd-seed2 in 2\)"):
        train([0, 1])
    assert contents(Path("runs")) == before


def test_a_runs_folder_is_refused_to_another_run() -> None:
    def train(seed: int) -> None:
        with Sweep(Path("runs"), InProcess(), overrides=None) as sweep:
            sweep.run([replace(job(seed), folder=Path("runs"))])

    train(0)
    before = contents(Path("runs"))
    with pytest.raises(UserError, match=r"runs holds another run: sgd-seed0 \(done\)"):
        train(1)
    assert contents(Path("runs")) == before
    train(0)  # the same run is reused


def test_a_sweep_of_several_batches_joins_what_it_has_trained() -> None:
    """Its first batch does not have the runs of the others, but the id is the same."""

    def train() -> Sweep:
        with Sweep(Path("runs"), InProcess(), overrides=["optimizer=sgd"]) as sweep:
            sweep.run([job(0), job(1)])
            sweep.run([job(2)])
        return sweep

    first, again = train(), train()
    assert first.id == again.id
    assert [record.uid for record in first.records] == [record.uid for record in again.records]
    with Sweep(Path("runs"), InProcess()) as sweep, pytest.raises(UserError, match="another sweep"):
        sweep.run([job(0), job(1)])


class Waiting(Noting):
    """Notes for whom the sweep waits, and ends that ownership after some time."""

    def __init__(self, other: Ownership, polls: int) -> None:
        super().__init__()
        self.other, self.polls = other, polls

    def waiting_for_folder(self, owner: str) -> None:
        assert "which writes to runs" in owner
        self.events.append("waiting")
        if self.events.count("waiting") == self.polls:
            self.other.release()


def test_a_folder_that_another_command_writes_to_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owners, "_POLL", 0)
    other = Ownership(print)
    other.acquire(Path("runs"), [], print)
    listener = Waiting(other, polls=3)
    with Sweep(Path("runs"), InProcess(), listener=listener) as sweep:
        (record,) = sweep.run([job(0)])
        assert Path("runs", OWNER).exists()
    assert listener.events[:4] == [*["waiting"] * 3, ("begun", "1 run")]
    assert record.status == "done"
    assert not Path("runs", OWNER).exists()


def test_a_folder_of_other_runs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_POLL", 0)
    with Sweep(Path("runs"), InProcess()) as sweep:
        sweep.run([job(0), job(1)])
    other = Ownership(print)
    other.acquire(Path("runs"), [], print)
    listener = Waiting(other, polls=3)
    with (
        Sweep(Path("runs"), InProcess(), listener=listener) as sweep,
        pytest.raises(UserError, match="of another sweep"),
    ):
        sweep.run([job(0)])
    assert listener.events == []
    other.release()


def test_what_is_whole_is_not_written_again() -> None:
    def files_after_the_sweep() -> dict[Path, tuple[int, int]]:
        with Sweep(Path("runs"), InProcess()) as sweep:
            sweep.run([job(0), job(1)])
        files = [path for path in Path("runs").rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    assert files_after_the_sweep() == files_after_the_sweep()
