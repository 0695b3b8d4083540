"""docs/cluster.md on one machine: PostgreSQL, an MLflow server, Dask, and a worker that dies."""

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.end_to_end import postgres
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    assert_same_bits,
    environment,
    run,
    succeeded,
)
from tests.end_to_end.dask_workers import dask_workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason=str(postgres.missing())),
]

RUNS, EPOCHS = 40, 200
SWEEP = (
    "-m", "optimizer=sgd,momentum,adam,lion", "seed=range(10)", *FEW_POINTS,
    f"training.epochs={EPOCHS}", "hydra.launcher.width=4",
)  # fmt: skip


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server over HTTP with PostgreSQL behind it and a folder of artifacts."""
    folder = tmp_path_factory.mktemp("mlflow")
    with postgres.postgres() as database:
        address = f"http://127.0.0.1:{postgres.free_port()}"
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
            "--port", address.rpartition(":")[2], "--workers", "1",
            "--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts"),
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
            )  # fmt: skip
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < deadline, (folder / "log").read_text()
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


def test_everything_is_there_once(tracker: str, tmp_path: Path) -> None:
    with dask_workers(tmp_path / "cluster") as cluster:
        for name in ("one", "two", "three"):
            cluster.add(name)
        killed: list[int] = []

        def kill() -> None:
            """Kill a worker when the first runs have ended."""
            while len(list(tmp_path.glob("here/multirun/*/*/*/record.json"))) < 4:
                time.sleep(0.02)
            killed.append(cluster.kill("one"))

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        finished = run(
            *SWEEP, *cluster.options, f"tracking.uri={tracker}", folder=tmp_path / "here"
        )
    assert killed == [1]
    assert finished.status == 0, finished.out + finished.err
    assert "40 done" in finished.out
    assert "s3cret" not in finished.out + finished.err
    records = finished.records()
    assert [record.status for record in records] == ["done"] * RUNS
    assert len({record.name for record in records}) == RUNS

    alone = succeeded(run(*SWEEP, NOT_TRACKED, folder=tmp_path / "alone"))
    expected = {record.name: record for record in alone.records()}
    for record in records:
        assert_same_bits(record, expected[record.name])

    client = MlflowClient(tracker)
    experiment = client.get_experiment_by_name("descent").experiment_id
    published = client.search_runs([experiment], "tags.kind = 'run'", max_results=1000)
    assert sorted(r.info.run_name for r in published) == sorted(r.name for r in records)
    assert {r.info.status for r in published} == {"FINISHED"}
    by_name = {r.info.run_name: r.info.run_id for r in published}
    for record in records:
        history = client.get_metric_history(by_name[record.name], "val/loss")
        points = sorted((point.step, point.value) for point in history)
        losses = record.metrics()["val/loss"]
        assert points == list(enumerate(losses.tolist()))
    artifacts = {item.path for item in client.list_artifacts(by_name[records[0].name])}
    assert artifacts
    comparison = client.search_runs([experiment], "tags.kind = 'comparison'")
    assert len(comparison) == 1
