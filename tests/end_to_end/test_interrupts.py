"""Ctrl-C and other ends: clean, what has finished is kept, nobody is left behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from experiments.runs.find import find_records
from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    RUN,
    environment,
    in_background,
    script,
    succeeded,
    tracked,
    uri,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

ENDLESS = ("training.epochs=500000", "checkpoint.seconds=0.2")
PATIENCE = 200.0  # seconds after which something hangs, on the slowest machine


@dataclass
class Running:
    """A command under way, in a session of its own."""

    process: subprocess.Popen[str]
    folder: Path

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for something to happen while the command runs."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def left_behind(self) -> list[str]:
        """Processes of the session that still run, a moment later."""
        deadline = time.monotonic() + PATIENCE
        while found := self._session():
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return found

    def _session(self) -> list[str]:
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = status.read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            state, _, _, session = rest.split()[:4]
            if int(session) == self.process.pid and state != "Z":
                found.append(name)
        return found

    def records(self) -> list[Record]:
        return find_records(self.folder)


@pytest.fixture
def start(tmp_path: Path):
    """Start ``python run.py ARGUMENTS``; whatever is left of it dies with the test."""
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(in_background(*arguments, folder=tmp_path), tmp_path))
        return started[-1]

    yield start
    for running in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.communicate()


def training(running: Running, runs: int = 1) -> bool:
    """Whether so many runs have trained for some epochs, as their checkpoints show."""
    checkpoints = running.folder.glob(".cache/checkpoints/*/epoch-*.checkpoint")
    return len({checkpoint.parent for checkpoint in checkpoints}) >= runs


def some_done(running: Running) -> bool:
    """Whether a sweep has finished its short runs and trains the others."""
    short = list(running.folder.glob("multirun/*/*/*/record.json"))
    return len(short) >= 3 and training(running)


def composed(running: Running) -> bool:
    """Whether a sweep has written what its jobs are."""
    return bool(list(running.folder.glob("multirun/*/*/3/.hydra/overrides.yaml")))


def assert_clean(running: Running, status: int = 130) -> tuple[str, str]:
    out, err = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode == status, out + err
    assert "Traceback" not in err, err
    assert "KeyboardInterrupt" not in err
    assert running.left_behind() == []
    return out, err


TO_WHOM = pytest.mark.parametrize(
    "whom",
    [
        pytest.param(os.killpg, id="as the terminal does"),
        pytest.param(os.kill, id="the process alone", marks=pytest.mark.slow),
    ],
)


@TO_WHOM
def test_single_run(start, whom: Callable[[int, int], None]) -> None:
    running = start(*ENDLESS, *FEW_POINTS, NOT_TRACKED)
    running.wait_until(lambda: training(running))
    whom(running.process.pid, signal.SIGINT)
    out, _ = assert_clean(running)
    (record,) = running.records()
    assert record.status == "interrupted"
    assert "adam-seed0: interrupted" in out
    assert len(record.metrics()["epoch"]) > 1
    assert record.weights("best").keys() == record.weights("final").keys()


SHORT_AND_ENDLESS = (
    "-m", "training.epochs=3,500000", "checkpoint.seconds=0.2", "seed=0,1,2", *FEW_POINTS,
    "hydra.launcher.width=3",
)  # fmt: skip


@TO_WHOM
def test_sweep(start, whom: Callable[[int, int], None]) -> None:
    running = start(*SHORT_AND_ENDLESS, NOT_TRACKED)
    running.wait_until(lambda: some_done(running))
    whom(running.process.pid, signal.SIGINT)
    out, err = assert_clean(running)
    assert err.startswith("warning: interrupted")
    statuses = {record.name: record.status for record in running.records()}
    assert len(statuses) == 6
    assert sorted(set(statuses.values())) == ["done", "interrupted"]
    assert [n for n, status in statuses.items() if status == "done"] == [
        f"adam-epochs3-seed{seed}" for seed in range(3)
    ]
    assert "3 done, 3 interrupted" in out


def published_statuses(folder: Path, out: str) -> dict[str, tuple[str, str]]:
    """Statuses of a folder's runs in MLflow, by name; what was left for later is published now."""
    if "not published yet" in out:
        (place,) = re.findall(
            r"^  python scripts/publish.py (\S+)(?: --uri \S+)?$", out, re.MULTILINE
        )
        succeeded(script("publish.py", place, "--uri", uri(folder), folder=folder))
    client = MlflowClient(uri(folder))
    experiment = client.get_experiment_by_name("descent").experiment_id
    runs = client.search_runs([experiment], "tags.kind = 'run'")
    return {run.info.run_name: (run.info.status, run.data.tags["status"]) for run in runs}


@pytest.mark.slow
def test_single_run_in_mlflow(start, tmp_path: Path) -> None:
    running = start(*ENDLESS, *FEW_POINTS, tracked(tmp_path))
    running.wait_until(lambda: training(running))
    os.killpg(running.process.pid, signal.SIGINT)
    out, _ = assert_clean(running)
    assert published_statuses(tmp_path, out) == {"adam-seed0": ("KILLED", "interrupted")}


@pytest.mark.slow
def test_sweep_in_mlflow(start, tmp_path: Path) -> None:
    running = start(*SHORT_AND_ENDLESS, tracked(tmp_path))
    running.wait_until(lambda: some_done(running))
    os.killpg(running.process.pid, signal.SIGINT)
    out, _ = assert_clean(running)
    assert published_statuses(tmp_path, out) == {
        f"adam-epochs{epochs}-seed{seed}": statuses
        for epochs, statuses in ((3, ("FINISHED", "done")), (500000, ("KILLED", "interrupted")))
        for seed in range(3)
    }


@pytest.mark.slow
def test_sweep_that_has_just_started(start, tmp_path: Path) -> None:
    """Workers that still import their libraries show no tracebacks; every run is marked."""
    running = start("-m", *ENDLESS, "seed=range(4)", *FEW_POINTS, tracked(tmp_path))
    running.wait_until(lambda: composed(running))
    time.sleep(0.2)
    os.killpg(running.process.pid, signal.SIGINT)
    _, err = assert_clean(running)
    assert [line for line in err.splitlines() if not line.startswith("warning: ")] == []
    assert {record.status for record in running.records()} <= {"interrupted"}


@pytest.mark.slow
def test_twice_leaves_at_once(start) -> None:
    running = start("-m", *ENDLESS, "seed=range(4)", *FEW_POINTS, NOT_TRACKED)
    running.wait_until(lambda: training(running, 4))
    os.killpg(running.process.pid, signal.SIGINT)
    time.sleep(0.05)
    os.killpg(running.process.pid, signal.SIGINT)
    assert_clean(running)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-m", "seed=range(4)")], ids=["run", "sweep"])
def test_terminated(start, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """As ``timeout``, a closing terminal or a queueing system do it."""
    running = start(*arguments, *ENDLESS, *FEW_POINTS, tracked(tmp_path))
    running.wait_until(lambda: training(running, 4 if arguments else 1))
    running.process.terminate()
    assert_clean(running, status=128 + signal.SIGTERM)
    records = running.records()
    assert len(records) == (4 if arguments else 1)
    assert {record.status for record in records} == {"interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_all_processes_are_asked_to_end(start, number: signal.Signals) -> None:
    """As a closing terminal or a queueing system does it; workers still write what they have."""
    running = start("-m", "seed=range(4)", *ENDLESS, *FEW_POINTS, NOT_TRACKED)
    running.wait_until(lambda: training(running, 4))
    os.killpg(running.process.pid, number)
    _, err = assert_clean(running, status=128 + number)
    assert err.startswith(f"warning: interrupted ({number.name}); keeping what has finished")
    assert "died" not in err
    records = running.records()
    assert [record.status for record in records] == ["interrupted"] * 4
    assert all(len(record.metrics()["epoch"]) > 1 for record in records)


@pytest.mark.slow
def test_nohup(tmp_path: Path) -> None:
    """Who asks not to be told of a closing terminal is not told."""
    process = subprocess.Popen(
        ["nohup", sys.executable, RUN, "-m", "seed=range(4)", "training.epochs=5000",
         "checkpoint.seconds=0.2", *FEW_POINTS, NOT_TRACKED],
        cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    running = Running(process, tmp_path)
    running.wait_until(lambda: training(running))
    os.killpg(process.pid, signal.SIGHUP)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
    assert "4 done" in out


@pytest.mark.slow
def test_killed_leaves_no_workers(start, tmp_path: Path) -> None:
    running = start("-m", *ENDLESS, "seed=range(4)", *FEW_POINTS, tracked(tmp_path))
    running.wait_until(lambda: training(running, 4))
    running.process.kill()
    assert running.left_behind() == []


@pytest.mark.parametrize(
    "delay",
    [
        *(pytest.param(delay, marks=pytest.mark.thorough) for delay in (0.04, 0.06, 0.08, 0.15)),
        *(pytest.param(delay, marks=pytest.mark.slow) for delay in (0.1, 0.3, 0.5)),
        0.2,
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_early_request_is_not_lost(start, delay: float, number: signal.Signals) -> None:
    """While modules are imported in several processes; the earliest of all Python itself hears."""
    running = start("-m", "seed=range(4)", *FEW_POINTS, *ENDLESS)
    time.sleep(delay)
    os.killpg(running.process.pid, number)
    out, err = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode in (128 + number, -number), out + err
    assert running.left_behind() == []
