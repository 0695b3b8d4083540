"""A sweep whose MLflow server is away at the start, comes, is killed, and comes back."""

from __future__ import annotations

import http.server
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.command_line import RUN, environment
from tests.faults.sweeps import assert_complete, newest_sweep, sweep, undisturbed

RUNS = sweep("sgd,adam", seeds=10, epochs=30, hidden="[128]")


class Server:
    """A real ``mlflow server`` that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.database = folder / "mlflow.db"
        with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
            self.port = free.server_port

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--port", str(self.port)),
                    *("--workers", "1", "--backend-store-uri", f"sqlite:///{self.database}"),
                    *("--artifacts-destination", str(self.folder / "artifacts")),
                ],
                env=environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self) -> int:
        """Count the runs that are published whole."""
        if not self.database.exists():
            return 0
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            try:
                (count,) = connection.execute(
                    "SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'"
                ).fetchone()
            except sqlite3.OperationalError:  # being made, or written
                return 0
        return int(count)


def wait_until(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if what():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("not seen in two minutes")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_server_that_comes_goes_and_comes_back(tmp_path: Path) -> None:
    reference = undisturbed(RUNS, tmp_path / "undisturbed")
    server = Server(tmp_path / "server")
    folder = tmp_path / "sweep"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, RUN, *RUNS, f"tracking.uri=http://127.0.0.1:{server.port}",
         "tracking.patience=120", "hydra.launcher.width=1"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: any(folder.rglob("record.json")), process)
        server.start()
        try:
            wait_until(lambda: server.ended() >= 3, process)
            server.kill()
            before = server.ended()
            time.sleep(5)
            server.start()
            told, _ = process.communicate(timeout=200)
        finally:
            server.kill()
    finally:
        process.kill()
    assert before < len(reference), "the outage came too late to matter"
    assert process.returncode == 0, told
    assert "not published" not in told, told
    assert_complete(newest_sweep(folder), reference, server.database)
