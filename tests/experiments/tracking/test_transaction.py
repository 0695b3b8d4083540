"""What is written in one transaction: all or nothing, and the same as call by call."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy import event, text

from experiments.tracking import store
from experiments.tracking.store import sqlite_file
from experiments.tracking.transaction import one_transaction


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('transaction')}/mlflow.db"


@pytest.fixture
def client(uri: str) -> MlflowClient:
    return store.open_client(uri)


@pytest.fixture
def experiment(client: MlflowClient, request: pytest.FixtureRequest) -> str:
    return str(client.create_experiment(request.node.name))


@pytest.fixture
def other(uri: str) -> Iterator[sqlite3.Connection]:
    """Another program's connection, which does not wait for a lock."""
    with closing(sqlite3.connect(str(sqlite_file(uri)), timeout=0)) as connection:
        yield connection


def rows(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    """Everything that a run may consist of."""
    tables = ("runs", "metrics", "latest_metrics", "params", "tags", "inputs", "datasets")
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def write(client: MlflowClient, experiment: str) -> str:
    run = client.create_run(experiment, run_name="made", start_time=1)
    run_id: str = run.info.run_id
    client.log_batch(
        run_id,
        [Metric("loss", 1.0 / (1 + step), step, step) for step in range(50)],
        [Param("lr", "0.1")],
        [RunTag("kind", "run")],
        synchronous=True,
    )
    client.set_terminated(run_id, "FINISHED", 2)
    return run_id


def test_what_is_written_is_what_is_written_call_by_call(
    client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    with one_transaction(client):
        at_once = write(client, experiment)
        seen = client.get_run(at_once)
        found = client.search_runs([experiment], "tags.kind = 'run'")
    by_itself = write(client, experiment)

    assert [run.info.run_id for run in found] == [at_once]
    assert client.get_run(at_once).to_dictionary() == seen.to_dictionary()
    assert seen.data.metrics == {"loss": 1 / 50}
    both = [
        {
            table: sorted(
                [str(value).replace(run_id, "its") for value in row]
                for row in content
                if run_id in row
            )
            for table, content in rows(other).items()
        }
        for run_id in (at_once, by_itself)
    ]
    assert both[0] == both[1]
    assert len(both[0]["metrics"]) == 50


def test_what_fails_leaves_nothing(
    client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    def write_and_fail(failure: Callable[[], object]) -> None:
        with one_transaction(client):
            write(client, experiment)
            failure()

    before = rows(other)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(lambda: 1 / 0)
    with pytest.raises(MlflowException, match="no such run"):
        write_and_fail(lambda: client.log_param("no such run", "lr", "0.1"))
    assert rows(other) == before
    # And the next is a transaction by itself again.
    write(client, experiment)
    assert len(rows(other)["runs"]) == len(before["runs"]) + 1


def test_what_mlflow_recovers_from_is_no_failure(
    client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    point = Metric("loss", 0.5, 1, 1)
    with one_transaction(client):
        run_id = client.create_run(experiment).info.run_id
        for _ in range(2):  # the second is refused by the database, and MLflow leaves it out
            client.log_batch(run_id, [point, Metric("other", 1.0, 1, 1)], synchronous=True)
            client.log_batch(run_id, params=[Param("lr", "0.1")], synchronous=True)
        with pytest.raises(MlflowException, match="lr"):  # a parameter cannot be changed
            client.log_batch(run_id, params=[Param("lr", "0.2")], synchronous=True)
    run = client.get_run(run_id)
    assert run.data.metrics == {"loss": 0.5, "other": 1.0}
    assert run.data.params == {"lr": "0.1"}
    question = "SELECT COUNT(*) FROM metrics WHERE run_uuid = ?"
    assert other.execute(question, [run_id]).fetchone() == (2,)


def test_others_read_what_was_there_before_and_write_afterwards(
    client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    tag = "INSERT INTO experiment_tags VALUES ('note', 'mine', ?)"
    before = rows(other)
    with one_transaction(client):
        with pytest.raises(sqlite3.OperationalError, match="locked"):  # from the beginning
            other.execute(tag, [experiment])
        other.rollback()
        write(client, experiment)
        assert rows(other) == before
    assert len(rows(other)["runs"]) == len(before["runs"]) + 1
    other.execute(tag, [experiment])
    other.commit()
    assert client.get_experiment(experiment).tags["note"] == "mine"


KILLED = """
import os, signal, sys
from experiments.tracking import store
from experiments.tracking.transaction import one_transaction
from tests.experiments.tracking.test_transaction import write
client = store.open_client(sys.argv[1])
with one_transaction(client):
    write(client, sys.argv[2])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_one_that_is_killed_leaves_nothing_and_no_lock(
    uri: str, client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    before = rows(other)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, uri, experiment],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert rows(other) == before
    with one_transaction(client):
        write(client, experiment)
    assert len(rows(other)["runs"]) == len(before["runs"]) + 1


@pytest.fixture
def most_pages(client: MlflowClient) -> Iterator[list[int]]:
    """How large the database may grow, in every connection."""
    pages = [1 << 30]

    def tell(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    engine = client._tracking_client.store.engine
    event.listen(engine, "checkout", tell)
    yield pages
    pages[0] = 1 << 30
    engine.dispose()
    event.remove(engine, "checkout", tell)


def test_a_full_disk_is_called_so_and_leaves_nothing(
    client: MlflowClient, experiment: str, other: sqlite3.Connection, most_pages: list[int]
) -> None:
    def write_much() -> None:
        with one_transaction(client):
            for _ in range(50):
                write(client, experiment)

    before = rows(other)
    most_pages[0] = other.execute("PRAGMA page_count").fetchone()[0] + 5
    with pytest.raises(MlflowException, match="database or disk is full") as raised:
        write_much()
    assert raised.value.error_code == "TEMPORARILY_UNAVAILABLE"
    assert rows(other) == before
    most_pages[0] = 1 << 30
    write_much()
    assert len(rows(other)["runs"]) == len(before["runs"]) + 50


def test_a_refused_row_is_a_bad_request(client: MlflowClient) -> None:
    def refer_to_nothing() -> None:
        with (
            one_transaction(client),
            client._tracking_client.store.ManagedSessionMaker(read_only=False) as session,
        ):
            session.execute(text("INSERT INTO tags VALUES ('key', 'value', 'no such run')"))

    with pytest.raises(MlflowException, match="FOREIGN KEY") as raised:
        refer_to_nothing()
    assert raised.value.error_code == "BAD_REQUEST"


def test_others_read_on_however_much_is_written(
    client: MlflowClient, experiment: str, other: sqlite3.Connection
) -> None:
    before = rows(other)
    with one_transaction(client):
        run_id = client.create_run(experiment).info.run_id
        for batch in range(8):  # more than SQLite keeps in memory by itself, 2 MB
            steps = range(1000 * batch, 1000 * (batch + 1))
            client.log_batch(run_id, [Metric("m" * 250, 0.5, 1, step) for step in steps])
        assert rows(other) == before
    assert len(rows(other)["metrics"]) == len(before["metrics"]) + 8_000


def test_foreign_keys_hold(client: MlflowClient) -> None:
    with one_transaction(client), client._tracking_client.store.ManagedSessionMaker() as session:
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_store_that_is_made_otherwise_is_left_alone() -> None:
    stranger: Any = SimpleNamespace(_tracking_client=SimpleNamespace(store=object()))
    with one_transaction(stranger):
        pass
