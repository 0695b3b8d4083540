"""Trackers that fail, in every way that could be thought of: nothing is lost, nothing twice."""

import http.server
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from sqlalchemy import event
from sqlalchemy.engine import Engine

from experiments import switches
from experiments.config.schema import Tracking
from experiments.errors import RefusedError, TrackerAwayError, TrackingError
from experiments.runs.layout import PROGRESS
from experiments.runs.record import Record
from experiments.tracking import store
from experiments.tracking.address import sqlite_file
from experiments.tracking.bulk import BulkWriter
from experiments.tracking.process import Destination, PublishingProcess
from experiments.tracking.publisher import Publisher
from experiments.tracking.runs import Tracker
from experiments.workers.child_processes import ChildProcess
from tests.experiments.record_factory import make_progress, make_record, record_metrics

CALLS = {
    MlflowClient: [
        "create_logged_model",
        "create_run",
        "finalize_logged_model",
        "get_run",
        "log_batch",
        "log_inputs",
        "log_outputs",
        "search_runs",
        "set_experiment_tag",
        "set_tag",
        "set_terminated",
        "update_run",
    ],
    LocalArtifactRepository: ["log_artifact", "log_artifacts"],
    BulkWriter: ["publish"],
}


class Clock:
    """A clock that stands still unless it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tracked')}/mlflow.db"


@pytest.fixture
def client(uri: str) -> MlflowClient:
    return store.open_client(uri)


def rows(uri: str, question: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(str(sqlite_file(uri)))) as connection:
        return connection.execute(question, values).fetchall()


def stored(uri: str, run: Run) -> dict[str, Any]:
    """Everything of a run that is in the database or among the files, duplicates included."""
    run_id = run.info.run_id
    files = Path(run.info.artifact_uri.removeprefix("file://"))
    columns = "key, value, timestamp, step"
    ids = {model for (model,) in rows(uri, "SELECT model_id FROM logged_models")}
    return {
        "status": (run.info.status, run.info.start_time, run.info.end_time),
        "points": sorted(rows(uri, f"SELECT {columns} FROM metrics WHERE run_uuid=?", run_id)),
        "params": sorted(rows(uri, "SELECT key, value FROM params WHERE run_uuid=?", run_id)),
        "tags": sorted(rows(uri, "SELECT key, value FROM tags WHERE run_uuid=?", run_id)),
        "inputs": len(run.inputs.dataset_inputs),
        "outputs": len({o.model_id for o in run.outputs.model_outputs} & ids),
        "models": len(
            rows(uri, "SELECT model_id FROM logged_models WHERE source_run_id=?", run_id)
        ),
        "files": sorted(file.name for file in files.iterdir()),
    }


def flaky(monkeypatch: pytest.MonkeyPatch, draw: random.Random, share: float) -> list[str]:
    """Have calls fail at random, before or after they have done their work; return which did."""
    failed: list[str] = []

    def wrapped(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            before, after = draw.random() < share / 2, draw.random() < share / 2
            if before:
                failed.append(name)
                raise MlflowException("database is locked", TEMPORARILY_UNAVAILABLE)
            answer = real(*arguments, **keywords)
            if after:
                failed.append(name)
                raise MlflowException("timed out", TEMPORARILY_UNAVAILABLE)
            return answer

        return call

    for owner, names in CALLS.items():
        for name in names:
            monkeypatch.setattr(owner, name, wrapped(name, getattr(owner, name)))
    return failed


@pytest.mark.parametrize("plain", ["", "bulk"], ids=["in bulk", "call by call"])
@pytest.mark.parametrize(
    "seed",
    [
        0,
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4)),
        *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(4, 40)),
    ],
)
def test_whatever_fails_everything_is_there_once_and_in_order(
    seed: int,
    plain: str,
    tmp_path: Path,
    uri: str,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(switches.VARIABLE, plain)
    draw = random.Random(seed)
    experiment = f"flaky-{seed}{plain}"
    clock = Clock()
    publisher = Publisher(Tracking(uri=uri, models="best"), experiment, lambda text: None, clock)
    publisher.open()
    trained: list[Record] = []
    with monkeypatch.context() as patched:
        failed = flaky(patched, draw, 0.3)
        ended: list[Record] = []
        for number in range(5):
            folder = tmp_path / str(number)
            if number % 2:
                publisher.publish_progress(make_progress(folder, 2, seed=number, optimizer="sgd"))
                (folder / PROGRESS).unlink()
            ended.append(make_record(folder, seed=number, optimizer="sgd"))
            if number == 4 or draw.random() < 0.5:  # by itself, or with those that follow
                publisher.publish(*ended)
                trained += ended
                ended = []
            clock.now += draw.random()
        publisher.publish_models(trained, trusted=frozenset())
        for _ in range(1000):
            if not publisher.waiting:
                break
            clock.now += publisher.next_try
            publisher.work(60.0)
        assert publisher.waiting == 0
    assert len(failed) > (5 if plain else 0)
    assert publisher.published == [record.folder for record in trained]

    whole = Tracker(uri, f"{experiment}-whole")
    number = client.get_experiment_by_name(experiment).experiment_id
    runs = {run.data.tags["uid"]: run for run in client.search_runs([number])}
    assert len(client.search_runs([number])) == len(runs) == 5
    for place, record in enumerate(trained):
        expected = client.get_run(whole.publish(record, model=place == 0))
        assert stored(uri, runs[record.uid]) == stored(uri, expected)
    names = "SELECT name FROM runs WHERE experiment_id=? AND lifecycle_stage='active'"
    # Runs whose progress was published were made before; the others in their order.
    ended_at_once = [r.name for place, r in enumerate(trained) if place % 2 == 0]
    made = [name for (name,) in rows(uri, f"{names} ORDER BY rowid", int(number))]
    assert [name for name in made if name in ended_at_once] == ended_at_once


def test_a_run_made_twice_by_an_answer_that_came_too_late_is_one_in_the_end(
    tmp_path: Path, uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(switches.VARIABLE, "bulk")  # a server's publishers create each run
    tracker = Tracker(uri, "late")
    record = make_record(tmp_path)
    real = MlflowClient.create_run
    late: list[tuple[Any, ...]] = []

    def times_out(self: MlflowClient, *arguments: Any, **keywords: Any) -> Run:
        if not late:
            late.append((arguments, keywords))  # the server will get round to it
            raise MlflowException("timed out")
        run = real(self, *arguments, **keywords)
        real(self, *late[0][0], **late[0][1])
        return run

    monkeypatch.setattr(MlflowClient, "create_run", times_out)
    with pytest.raises(TrackerAwayError):
        tracker.publish(record)
    run_id = tracker.publish(record)
    (run,) = client.search_runs([tracker.experiment_id])
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")


def test_a_run_is_seen_as_it_goes_and_ends_as_if_it_had_not_been(
    tmp_path: Path, uri: str, client: MlflowClient
) -> None:
    tracker = Tracker(uri, "live")
    for epochs in (1, 1, 2):
        tracker.publish_progress(make_progress(tmp_path / "run", epochs))
        (run,) = client.search_runs([tracker.experiment_id])
        assert run.info.status == "RUNNING"
        assert run.data.tags["status"] == "running"
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == epochs + 1
        assert "best/val_loss" not in run.data.metrics
    record = make_record(tmp_path / "run")
    assert tracker.publish(record) == run.info.run_id
    expected = client.get_run(Tracker(uri, "live-whole").publish(record))
    assert stored(uri, client.get_run(run.info.run_id)) == stored(uri, expected)


def test_a_run_that_is_deleted_as_it_goes_is_published_anew(
    tmp_path: Path, uri: str, client: MlflowClient
) -> None:
    tracker = Tracker(uri, "deleted")
    tracker.publish_progress(make_progress(tmp_path / "run", 1))
    (run,) = client.search_runs([tracker.experiment_id])
    client.delete_run(run.info.run_id)
    # Another has published a little of it since.
    Tracker(uri, "deleted").publish_progress(make_progress(tmp_path / "copy", 0))
    tracker.publish_progress(make_progress(tmp_path / "run", 2))
    (run,) = client.search_runs([tracker.experiment_id])
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 3


def test_a_run_that_was_killed_is_marked_and_goes_on_when_it_is_trained_on(
    tmp_path: Path, uri: str, client: MlflowClient
) -> None:
    tracker = Tracker(uri, "killed")
    killed = make_progress(tmp_path / "killed", 2)
    tracker.publish_progress(killed, killed=True)
    (run,) = client.search_runs([tracker.experiment_id])
    assert run.info.status == "KILLED"
    # Another process goes on from the checkpoint, and takes other times.
    metrics = {**record_metrics(3), "seconds": [0.0, 0.7, 1.4, 2.1]}
    another = Tracker(uri, "killed")
    another.publish_progress(make_progress(tmp_path / "on", 3, metrics=metrics))
    assert client.get_run(run.info.run_id).info.status == "RUNNING"
    record = make_record(tmp_path / "end", metrics=metrics)
    assert another.publish(record) == run.info.run_id
    ended = client.get_run(run.info.run_id)
    assert ended.info.status == "FINISHED"
    for name in ("train/loss", "val/loss"):
        history = client.get_metric_history(run.info.run_id, name)
        assert sorted(point.step for point in history) == [0, 1, 2, 3]
    # What the killed one has left changes nothing any more.
    tracker.publish_progress(killed, killed=True)
    tracker.publish(make_record(tmp_path / "killed", status="interrupted"))
    assert client.get_run(run.info.run_id).info.status == "FINISHED"


def test_a_run_of_two_sweeps_is_one_run_in_both(
    tmp_path: Path, uri: str, client: MlflowClient
) -> None:
    tracker = Tracker(uri, "two sweeps")
    run_id = tracker.publish(make_record(tmp_path / "a", sweep="one", uid="0" * 32))
    assert tracker.publish(make_record(tmp_path / "b", sweep="two", uid="0" * 32)) == run_id
    for sweep in ("one", "two"):
        where = f"tags.`sweep.{sweep}` = 'yes'"
        (run,) = client.search_runs([tracker.experiment_id], where)
        assert run.info.run_id == run_id


# Databases


@pytest.fixture
def pragma(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What every new connection to a database is told first."""
    told: list[str] = []

    def tell(connection: Any, _: object) -> None:
        for words in told:
            connection.execute(words)

    event.listen(Engine, "connect", tell)
    event.listen(Engine, "checkout", lambda connection, *_: tell(connection, None))
    yield told
    told.clear()
    event.remove(Engine, "connect", tell)


def test_a_read_only_database_is_not_tried_again(
    tmp_path: Path, pragma: list[str], uri: str
) -> None:
    tracker = Tracker(uri, "read only")
    tracker.open()
    pragma.append("PRAGMA query_only = ON")
    with pytest.raises(TrackingError, match="readonly database") as raised:
        tracker.publish(make_record(tmp_path))
    assert not isinstance(raised.value, TrackerAwayError | RefusedError)
    pragma[:] = ["PRAGMA query_only = OFF"]
    tracker.publish(make_record(tmp_path))


def test_a_full_database_is_tried_again(tmp_path: Path, pragma: list[str], uri: str) -> None:
    tracker = Tracker(uri, "full")
    tracker.open()
    pragma.append("PRAGMA max_page_count = 1")  # it cannot be less than there are
    record = make_record(tmp_path, metrics=record_metrics(500))
    with pytest.raises(TrackerAwayError, match="full"):
        tracker.publish(record)
    pragma[:] = ["PRAGMA max_page_count = 1073741823"]
    tracker.publish(record)
    assert tracker.look_up([record])


# Servers


class FakeServer(http.server.BaseHTTPRequestHandler):
    """Answers every request alike."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b""
    seconds: ClassVar[float] = 0.0
    asked: ClassVar[int] = 0

    def _answer(self) -> None:
        type(self).asked += 1
        time.sleep(self.seconds)
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = do_PATCH = _answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def fake() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeServer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    FakeServer.status, FakeServer.body, FakeServer.seconds, FakeServer.asked = 200, b"", 0.0, 0
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


PAGE = b"<html><body><h1>Please log in</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (500, b'{"error_code": "INTERNAL_ERROR", "message": "oops"}', TrackerAwayError, "500"),
        (503, b"", TrackerAwayError, "503"),
        (502, PAGE, TrackerAwayError, "502"),
        (429, b"slow down", TrackerAwayError, "429"),
        (200, PAGE, TrackerAwayError, "JSON"),
        (401, PAGE, TrackingError, "401"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', TrackingError, "no"),
        (404, PAGE, TrackingError, "404"),
    ],
)
def test_servers_that_answer_errors(
    status: int, body: bytes, kind: type[TrackingError], says: str, fake: str, tmp_path: Path
) -> None:
    FakeServer.status, FakeServer.body = status, body
    with pytest.raises(TrackingError) as raised:
        Tracker(fake, "x").publish(make_record(tmp_path))
    assert type(raised.value) is kind
    assert says in str(raised.value)
    assert "html" not in str(raised.value)
    assert FakeServer.asked == 1  # trying again is for whoever can wait


@pytest.mark.slow
def test_a_server_that_hangs_is_left_when_patience_ends(fake: str, tmp_path: Path) -> None:
    FakeServer.seconds = 60.0
    warnings: list[str] = []
    destination = Destination(Tracking(uri=fake, patience=1.0), "x")
    waited: list[int] = []
    with PublishingProcess(ChildProcess(), warnings.append) as publishing:
        for seed in range(2):
            folder = make_record(tmp_path / str(seed), seed=seed).folder
            publishing.publish(destination, folder)
        published = publishing.finish(destination, on_wait=waited.append)
    assert (published.unpublished, published.where) == (2, [])
    (warning,) = warnings
    assert warning.startswith(f"MLflow at {fake}: could not open it: timed out")
    assert set(waited) == {2}


# Processes

PUBLISH = """
import os, signal, sys
from pathlib import Path
from experiments.runs.find import find_records
from experiments.tracking.runs import Tracker
from experiments.workers.child_processes import ChildProcess
from mlflow import MlflowClient
folder, uri, left = sys.argv[1], sys.argv[2], int(sys.argv[3])

def dying(name):
    real = getattr(MlflowClient, name)
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **keywords)
    setattr(MlflowClient, name, call)

for name in sys.argv[4:]:
    dying(name)
tracker = Tracker(uri, "died")
for record in find_records(folder):
    tracker.publish(record, model=True)
"""


@pytest.mark.slow
def test_a_process_killed_between_calls_leaves_what_the_next_completes(
    tmp_path: Path, uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(switches.VARIABLE, "bulk")
    record = make_record(tmp_path / "run")
    names = CALLS[MlflowClient]
    command = [sys.executable, "-c", PUBLISH, str(tmp_path), uri]
    killed = 0
    for left in range(1, 40):
        done = subprocess.run([*command, str(left), *names], capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
    assert killed >= 5  # a call each, fewer as calls are saved
    number = client.get_experiment_by_name("died").experiment_id
    (run,) = client.search_runs([number])
    expected = client.get_run(Tracker(uri, "died-whole").publish(record, model=True))
    assert stored(uri, run) == stored(uri, expected)
