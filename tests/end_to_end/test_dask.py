"""Sweeps whose workers are Dask's: the same bits, wherever they are and whatever dies."""

import logging
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.runs.find import find_records
from experiments.runs.record import Record
from experiments.workers.dask_cluster import DaskCluster
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    ROOT,
    RUN,
    assert_same_bits,
    environment,
    run,
    succeeded,
)
from tests.end_to_end.dask_workers import DaskWorkers, alone, dask_workers
from tests.end_to_end.test_worker_deaths import KILLER

SWEEP = ("-m", "optimizer=sgd,adam", "seed=range(3)", *FEW_POINTS, "training.epochs=5")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """What one process of this machine gives."""
    folder = tmp_path_factory.mktemp("alone")
    finished = succeeded(run(*SWEEP, NOT_TRACKED, "hydra.launcher.n_jobs=1", folder=folder))
    return {record.name: record for record in finished.records()}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    """A scheduler and two workers that see the launcher's files but work elsewhere."""
    with dask_workers(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.add("first")
        cluster.add("second")
        yield cluster


def assert_as_expected(records: list[Record], expected: dict[str, Record]) -> None:
    assert len(records) == len(expected)
    for record in records:
        assert record.status == "done", record.message
        assert_same_bits(record, expected[record.name])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_on_this_machine(workers: int, expected: dict[str, Record], tmp_path: Path) -> None:
    options = ("hydra.launcher.backend=dask", f"hydra.launcher.n_jobs={workers}")
    with socket.socket() as other:
        with suppress(OSError):  # another program has taken Dask's usual port already
            other.bind(("127.0.0.1", 8787))
            other.listen()
        finished = succeeded(run(*SWEEP, NOT_TRACKED, *options, folder=tmp_path))
    assert_as_expected(finished.records(), expected)


@pytest.mark.slow
def test_workers_of_this_machine_log_nothing() -> None:
    """A worker that is told to stop logs that the scheduler has gone, if the machine is busy."""
    cluster = DaskCluster(1, scheduler=None, cluster=None, timeout=60)
    cluster.open()
    try:
        level = cluster.result(cluster.submit(level_of_worker_log))
    finally:
        cluster.close()
    assert level == logging.CRITICAL


def level_of_worker_log() -> int:
    return logging.getLogger("distributed.worker").getEffectiveLevel()


@pytest.mark.slow
def test_loky_with_other_numbers(expected: dict[str, Record], tmp_path: Path) -> None:
    options = ("hydra.launcher.n_jobs=3", "hydra.launcher.width=1")
    finished = succeeded(run(*SWEEP, NOT_TRACKED, *options, folder=tmp_path))
    assert_as_expected(finished.records(), expected)


@pytest.mark.slow
class TestSharedFolder:
    def test_records_are_written_by_the_workers(
        self, cluster: DaskWorkers, expected: dict[str, Record], tmp_path: Path
    ) -> None:
        options = (*cluster.options, "hydra.launcher.width=2")
        finished = succeeded(run(*SWEEP, NOT_TRACKED, *options, folder=tmp_path))
        assert_as_expected(finished.records(), expected)
        assert not list(cluster.folder.glob("*/.cache/sweeps/*/*"))
        assert not list(tmp_path.glob("multirun/*/*/.shared-*"))

    def test_paths_are_the_launchers(self, cluster: DaskWorkers, tmp_path: Path) -> None:
        rows = "".join(f"{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(80))
        (tmp_path / "mine.csv").write_text("one,two,kind\n" + rows)
        data = ("dataset=csv", "dataset.path=mine.csv", "dataset.target=kind")
        options = (*data, "training.epochs=1", NOT_TRACKED, *cluster.options)
        finished = succeeded(run("-m", "seed=0,1", *options, folder=tmp_path))
        assert [record.status for record in finished.records()] == ["done", "done"]

    def test_classes_of_the_working_directory_are_found(
        self, cluster: DaskWorkers, tmp_path: Path
    ) -> None:
        write_killer(tmp_path)
        finished = succeeded(run(*OWN_CLASS, *cluster.options, folder=tmp_path))
        assert [record.status for record in finished.records()] == ["done", "done"]


OWN_CLASS = (
    "--config-dir", "my_conf", "-m", "optimizer=killer", "seed=0,1", *FEW_POINTS,
    "training.epochs=2", NOT_TRACKED,
)  # fmt: skip


def write_killer(folder: Path) -> None:
    (folder / "killer.py").write_text(textwrap.dedent(KILLER))
    (folder / "my_conf" / "optimizer").mkdir(parents=True)
    text = "_target_: killer.Killer\nlr: 0.1\nlimit: 1.0\n"
    (folder / "my_conf" / "optimizer" / "killer.yaml").write_text(text)


@pytest.mark.slow
class TestNoSharedFolder:
    @pytest.fixture
    def apart(self, tmp_path: Path):
        """Workers to which the folder of the sweep is empty."""
        hidden = tmp_path / "here"
        hidden.mkdir()
        before, variables = alone(), {"HIDDEN": str(hidden)}
        probe = subprocess.run([*before, "true"], env=variables, check=False, capture_output=True)
        if not before or probe.returncode != 0:
            pytest.skip("no folder can be hidden from a process here (unshare --mount)")
        with dask_workers(tmp_path / "cluster") as cluster:
            cluster.add("first", before=before, **variables)
            cluster.add("second", before=before, **variables)
            yield cluster, hidden

    def test_records_are_sent_back(
        self, apart: tuple[DaskWorkers, Path], expected: dict[str, Record]
    ) -> None:
        cluster, here = apart
        options = (*cluster.options, "hydra.launcher.width=2")
        finished = succeeded(run(*SWEEP, NOT_TRACKED, *options, folder=here))
        assert_as_expected(finished.records(), expected)
        one = next(iter(expected.values()))
        for record in finished.records():
            names = {file.name for file in record.folder.iterdir()}
            assert names == {file.name for file in one.folder.iterdir()}
        # It was the workers' datasets that were read, and nothing is left of the runs.
        assert list(cluster.folder.glob("*/.cache/datasets/moons*"))
        assert not list(cluster.folder.glob("*/.cache/sweeps/*/*"))

    def test_data_that_only_the_launcher_has(self, apart: tuple[DaskWorkers, Path]) -> None:
        cluster, here = apart
        rows = "".join(f"{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(60))
        (here / "mine.csv").write_text("one,two,kind\n" + rows)
        data = ("dataset=csv", "dataset.path=mine.csv", "dataset.target=kind", NOT_TRACKED)
        finished = run("-m", "seed=0,1", *data, *cluster.options, folder=here)
        assert finished.status == 1
        assert "Traceback" not in finished.err
        assert "lacks the data" in finished.err
        assert "mine.csv" in finished.err

    def test_a_class_that_workers_lack(self, apart: tuple[DaskWorkers, Path]) -> None:
        cluster, here = apart
        write_killer(here)
        finished = run(*OWN_CLASS, *cluster.options, folder=here)
        assert finished.status == 1
        assert "Traceback" not in finished.err
        assert "cannot import killer" in finished.err
        assert "PYTHONPATH" in finished.err
        assert {record.status for record in finished.records()} == {"interrupted"}


ENDLESS = ("-m", "seed=range(4)", *FEW_POINTS, "training.epochs=500000", NOT_TRACKED)


@pytest.mark.slow
class TestWhatDies:
    @pytest.fixture
    def dying(self, tmp_path: Path):
        with dask_workers(tmp_path / "cluster") as cluster:
            cluster.add("first")
            cluster.add("second")
            yield cluster

    @pytest.fixture
    def started(self, dying: DaskWorkers, tmp_path: Path):
        """A sweep that trains on them, for ever if nothing happens."""
        (tmp_path / "here").mkdir()
        options = (*dying.options, "hydra.launcher.timeout=3", "checkpoint.seconds=0.5")
        process = subprocess.Popen(
            [sys.executable, RUN, *ENDLESS, *options],
            cwd=tmp_path / "here",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 200
        while len(list(tmp_path.glob("here/.cache/checkpoints/**/*.*"))) < 4:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
        process.kill()
        process.communicate()

    def ended(self, process: subprocess.Popen[str], folder: Path) -> str:
        """Check that all runs are marked; return what was said."""
        out, err = process.communicate(timeout=200)
        assert "Traceback" not in out + err
        assert "4 interrupted" in out, out + err
        assert [r.status for r in find_records(folder / "here")] == ["interrupted"] * 4
        return err

    def test_an_interrupt(self, started: subprocess.Popen[str], tmp_path: Path) -> None:
        started.send_signal(signal.SIGINT)
        self.ended(started, tmp_path)
        assert started.returncode == 130
        for record in find_records(tmp_path / "here"):
            assert len(record.metrics()["epoch"]) > 1

    def test_the_scheduler(
        self, dying: DaskWorkers, started: subprocess.Popen[str], tmp_path: Path
    ) -> None:
        dying.kill_scheduler()
        err = self.ended(started, tmp_path)
        assert started.returncode == 1
        assert "the connection to the Dask scheduler" in err

    def test_all_workers(
        self, dying: DaskWorkers, started: subprocess.Popen[str], tmp_path: Path
    ) -> None:
        dying.kill_whole("first")
        dying.kill_whole("second")
        err = self.ended(started, tmp_path)
        assert started.returncode == 1
        assert "the last worker of the Dask scheduler" in err

    def test_the_launcher(
        self, dying: DaskWorkers, started: subprocess.Popen[str], tmp_path: Path
    ) -> None:
        """Workers stop what nobody waits for, and are there for the next sweep."""
        started.kill()
        started.communicate()
        command = (*SWEEP, NOT_TRACKED, *dying.options)
        finished = succeeded(run(*command, folder=tmp_path / "next"))
        assert {record.status for record in finished.records()} == {"done"}


@pytest.mark.slow
class TestWhatIsWrong:
    def test_no_scheduler(self, tmp_path: Path) -> None:
        options = ("hydra.launcher.scheduler=tcp://127.0.0.1:9", "hydra.launcher.timeout=1")
        self.refused(tmp_path, "no Dask scheduler answers at tcp://127.0.0.1:9", *options)

    def test_no_address(self, tmp_path: Path) -> None:
        self.refused(
            tmp_path, "is not the address of a scheduler", "hydra.launcher.scheduler=here:x"
        )

    def test_no_workers(self, tmp_path: Path) -> None:
        with dask_workers(tmp_path / "cluster") as cluster:
            options = (f"hydra.launcher.scheduler={cluster.address}", "hydra.launcher.timeout=1")
            self.refused(tmp_path, "has no workers", *options)

    def test_no_such_cluster(self, tmp_path: Path) -> None:
        cluster = "hydra.launcher.cluster={_target_: nowhere.Cluster}"
        self.refused(tmp_path, "No module named 'nowhere'", cluster)

    def test_both(self, tmp_path: Path) -> None:
        cluster = "hydra.launcher.cluster={_target_: distributed.LocalCluster}"
        self.refused(tmp_path, "exclude each other", cluster, "hydra.launcher.scheduler=tcp://a:1")

    def test_other_code(self, tmp_path: Path) -> None:
        """A worker with another version of the networks is not given anything."""
        other = tmp_path / "other"
        shutil.copytree(ROOT / "src", other, ignore=shutil.ignore_patterns("__pycache__"))
        with (other / "nn" / "losses.py").open("a") as file:
            file.write("\n# Another version.\n")
        with dask_workers(tmp_path / "cluster") as cluster:
            cluster.add("one", PYTHONPATH=str(other))
            options = (f"hydra.launcher.scheduler={cluster.address}",)
            self.refused(tmp_path, "the code that trains has changed", *options)

    @staticmethod
    def refused(folder: Path, message: str, *options: str) -> None:
        command = (*SWEEP, NOT_TRACKED, "hydra.launcher.backend=dask", *options)
        finished = run(*command, folder=folder)
        assert finished.status == 1
        assert finished.err.startswith("error: ")
        assert message in finished.err
        assert finished.err.count("\n") == 1
        assert finished.records() == []
