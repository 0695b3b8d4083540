"""Many sweeps started at the same instant, and a publisher that is not given the processor."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.config.schema import Tracking
from experiments.tracking.process import Destination, PublishingProcess
from experiments.workers.child_processes import ChildProcess
from tests.end_to_end.command_line import run, tracked
from tests.experiments.record_factory import make_record
from tests.faults.sweeps import assert_published_once, newest_sweep, sweep


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "launchers",
    [pytest.param(6, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.thorough)],
)
def test_launchers_share_one_new_database(tmp_path: Path, launchers: int) -> None:
    def launch(number: int) -> tuple[int, str]:
        few = sweep("sgd,adam", seeds=1, epochs=2, hidden="[8]")
        arguments = (*few, "dataset=moons", f"dataset.seed={number}")
        finished = run(
            *arguments,
            tracked(tmp_path),
            "hydra.launcher.n_jobs=1",
            folder=tmp_path / str(number),
        )
        return finished.status, finished.out + finished.err

    with ThreadPoolExecutor(launchers) as pool:
        ended = list(pool.map(launch, range(launchers)))
    for status, told in ended:
        assert status == 0, told
        assert "warning" not in told, told
        assert "not published" not in told, told
    for number in range(launchers):
        runs = newest_sweep(tmp_path / str(number))
        assert len(runs) == 2
        assert_published_once(runs, tmp_path / "mlflow.db", alone=False)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGSTOP")
def test_a_publisher_that_is_stopped_for_longer_than_the_patience_goes_on(tmp_path: Path) -> None:
    """It waits for the processor, not for the tracker, which is fine."""
    destination = Destination(Tracking(uri=f"sqlite:///{tmp_path}/mlflow.db", patience=2.0), "x")
    process = ChildProcess()
    publisher = process.submit(os.getpid).result()
    with PublishingProcess(process, pytest.fail) as publishing:
        for seed in range(30):
            publishing.publish(destination, make_record(tmp_path / str(seed), seed=seed).folder)
        stopping = threading.Thread(target=_stop_now_and_then, args=[publisher, 3.0])
        stopping.start()
        published = publishing.finish(destination)
        stopping.join()
    assert published.unpublished == 0
    assert published.where


def _stop_now_and_then(process: int, seconds: float) -> None:
    for _ in range(3):
        os.kill(process, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(process, signal.SIGCONT)
        time.sleep(0.3)
