"""Writing runs to MLflow's database in bulk: the same rows as MLflow's client, all or nothing."""

import errno
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.store.db.utils import _get_latest_schema_revision
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils import validation
from sqlalchemy import event
from sqlalchemy.engine import Engine

from experiments import switches
from experiments.errors import RefusedError, TrackingError
from experiments.runs.layout import FILES
from experiments.runs.record import Record
from experiments.runs.write import copy_record
from experiments.tracking import bulk, contents, store
from experiments.tracking.address import sqlite_file
from experiments.tracking.bulk import BulkWriter
from experiments.tracking.runs import Tracker
from tests.experiments.record_factory import (
    config_yaml,
    make_progress,
    make_record,
    preprocessing_json,
    record_data,
    record_metrics,
)
from tests.experiments.tracking.server import served


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the experiment `both`; making one takes seconds, copying it none."""
    database = tmp_path_factory.mktemp("fresh") / "mlflow.db"
    Tracker(f"sqlite:///{database}", "both").open()
    return database


@pytest.fixture(scope="module")
def uri(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{shutil.copy(fresh, tmp_path_factory.mktemp('bulk'))}"


@pytest.fixture
def client(uri: str) -> MlflowClient:
    return store.open_client(uri)


@pytest.fixture
def tracker(uri: str, request: pytest.FixtureRequest) -> Tracker:
    """A tracker of this test's own experiment; making a database takes seconds."""
    tracker = Tracker(uri, request.node.name)
    tracker.open()
    return tracker


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return [make_record(tmp_path / str(seed), seed=seed) for seed in range(3)]


def database_of(uri: str) -> Path:
    database = sqlite_file(uri)
    assert database is not None
    return database


def rows(uri: str, question: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database_of(uri))) as connection:
        return connection.execute(question, values).fetchall()


# The same as MLflow's client


def varied_records(folder: Path) -> list[Record]:
    """Make records of every status and with everything that the tables distinguish."""
    statuses = ("done", "stopped_early", "diverged", "failed", "interrupted")
    made = [
        make_record(folder / status, seed=seed, status=status, message="a reason — with ünïcode")
        for seed, status in enumerate(statuses)
    ]
    keys = "".join(f"  key{number}: {number}\n" for number in range(230))
    long = f"long: {'y' * 7000}\nodd[0]: 1\nempty: ''\nmany:\n{keys}"
    made += [
        make_record(folder / "alone", seed=10, sweep=None, labels={"stage": "tuning"}),
        make_record(folder / "taken over", seed=11, sweep="second", started_in="first"),
        make_record(folder / "long", seed=12, metrics=record_metrics(300), command="z" * 9000),
        make_record(folder / "strange", seed=13, config=config_yaml() + long),
        make_record(
            folder / "not finite",
            seed=14,
            status="diverged",
            metrics={
                "epoch": [0, 1, 2],
                "seconds": [0, 1, 2],
                "train/loss": [1.5, math.inf, math.nan],
                "one[": [1.0, 1.0, 2.0],
                "one]": [1.0, 1.0, 2.0],  # MLflow's names for these two are the same
            },
            summary={"best/val_loss": 1.25, "test/loss": math.nan},
        ),
        make_record(
            folder / "other data",
            seed=15,
            dataset={**record_data()["dataset"], "name": "plants", "digest": "f" * 64},
        ),
        make_record(
            folder / "untrained",
            seed=16,
            status="failed",
            metrics={},
            weights={},
            summary={},
            dataset=None,
            environment=None,
        ),
    ]
    (folder / "untrained" / "preprocessing.json").unlink()
    (folder / "done" / "snapshots.npz").write_bytes(b"arrays")
    (folder / "done" / "weights.npz").chmod(0o640)
    return made


def taken_over(record: Record, folder: Path) -> Record:
    """Copy a record as a sweep does that reuses the run."""
    data = {**record.data, "sweep": "another"}
    return Record.read(copy_record(record, folder, data=data, config_yaml=record.config_yaml))


def with_numbers_that_sql_lacks(real: Callable[..., list[Metric]]) -> Callable[..., list[Metric]]:
    """Have records end with points that we do not publish, because MLflow's pages fail on them."""

    def epoch_metrics(record: Record, **options: Any) -> list[Metric]:
        values = (math.nan, math.inf, -math.inf, -0.0, 5e-324, math.nan)
        odd = [Metric(f"odd{n}", value, 1, n) for n, value in enumerate(values)]
        last = [Metric("odd", value, 1, 1) for value in (1.0, math.inf, -math.inf, 2.0)]
        return [*real(record, **options), *odd, *last]

    return epoch_metrics


def contents_of(uri: str) -> dict[str, Any]:
    """Return all rows of all tables, with random ids replaced by what they identify."""
    with closing(sqlite3.connect(database_of(uri))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        found = {table: connection.execute(f"SELECT * FROM {table}") for (table,) in tables}
        columns = {table: [one[0] for one in rows.description] for table, rows in found.items()}
        dump = {
            table: [dict(zip(columns[table], row, strict=True)) for row in rows]
            for table, rows in found.items()
        }
    names = {tag["run_uuid"]: tag["value"] for tag in dump["tags"] if tag["key"] == "uid"}
    names |= {one["dataset_uuid"]: f"dataset {one['digest']}" for one in dump["datasets"]}
    names |= {
        one["input_uuid"]: f"input {names[one['source_id']]} {names[one['destination_id']]}"
        for one in dump["inputs"]
    }

    def named(value: object) -> str:
        text = repr(value)
        for random_id, name in names.items():
            text = text.replace(random_id, name)
        return text

    return {
        table: sorted([(key, named(value)) for key, value in row.items()] for row in rows)
        for table, rows in dump.items()
    } | {"order of runs": [run["name"] for run in dump["runs"]]}


def files_of(client: MlflowClient, run_id: str) -> dict[str, tuple[bytes, int, float]]:
    """Return content, mode and time of a run's files, by name."""
    folder = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    return {
        path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime)
        for path in folder.iterdir()
    }


def shown(client: MlflowClient, run_id: str, record: Record) -> Any:
    """Return what MLflow's client says about a run, and thereby its pages."""
    run = client.get_run(run_id)
    (found,) = client.search_runs([run.info.experiment_id], f"tags.uid = '{record.uid}'")
    said = [one.to_dictionary() for one in (run, found)]
    histories = {
        key: sorted(
            (point.step, point.timestamp, repr(point.value))
            for point in client.get_metric_history(run_id, key)
        )
        for key in run.data.metrics
    }
    return json.dumps([*said, histories], sort_keys=True).replace(run_id, record.uid)


@pytest.fixture(scope="module")
def both(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Publish the same runs by MLflow's client and in bulk, to one database each."""
    folder = tmp_path_factory.mktemp("both")
    made = varied_records(folder / "runs")
    uris = [f"sqlite:///{shutil.copy(fresh, folder / name)}" for name in ("client.db", "bulk.db")]
    reused = [taken_over(record, folder / f"reused {n}") for n, record in enumerate(made[:3])]
    published = []
    with pytest.MonkeyPatch.context() as patched:
        odd = with_numbers_that_sql_lacks(contents.epoch_metrics)
        patched.setattr(contents, "epoch_metrics", odd)
        for uri, setting in zip(uris, ("bulk", ""), strict=True):
            patched.setenv(switches.VARIABLE, setting)
            tracker = Tracker(uri, "both")
            with counted_calls(patched) as calls:
                # Twice, so that datasets are there already.
                published.append(
                    tracker.publish_together(made[:6]) + tracker.publish_together(made[6:])
                )
            assert ("create_run" in calls) == (setting == "bulk")
            with counted_calls(patched) as calls:
                # By another sweep that reuses them: some are in this sweep already.
                ids = Tracker(uri, "both").publish_together([*reused, *made[3:5]])
            assert ids == [*published[-1][:3], *published[-1][3:5]]
            assert ("set_tag" in calls) == (setting == "bulk")
    return uris, made, published


@contextmanager
def counted_calls(patched: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note which calls of MLflow's client write."""
    calls: list[str] = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls.append(name)
            return real(*arguments, **keywords)

        return call

    with patched.context() as inner:
        for name in ("create_run", "log_batch", "log_inputs", "set_tag", "set_terminated"):
            inner.setattr(MlflowClient, name, noted(name, getattr(MlflowClient, name)))
        yield calls


def test_the_schema_of_the_installed_mlflow_is_compared() -> None:
    # If this fails after an update of MLflow: add the revision to SCHEMAS if all tests here pass.
    assert _get_latest_schema_revision() in bulk.SCHEMAS


def test_every_table_has_the_rows_that_the_client_writes(both: Any) -> None:
    uris, made, _ = both
    by_client, in_bulk = map(contents_of, uris)
    for table, expected in by_client.items():
        assert in_bulk[table] == expected, table
    assert in_bulk.keys() == by_client.keys()
    assert len(in_bulk["runs"]) == len(made)
    assert len(in_bulk["datasets"]) == 2
    assert len(in_bulk["inputs"]) == len(in_bulk["input_tags"]) == len(made) - 1
    assert any(("is_nan", "1") in row for row in in_bulk["latest_metrics"])


def test_runs_look_the_same_in_mlflow_and_have_the_same_files(both: Any) -> None:
    uris, made, published = both
    clients = [store.open_client(uri) for uri in uris]
    for number in (0, 9, -1):
        by_client, in_bulk = (
            (shown(client, ids[number], made[number]), files_of(client, ids[number]))
            for client, ids in zip(clients, published, strict=True)
        )
        assert in_bulk == by_client
        assert in_bulk[1].keys() >= set(FILES) - {"preprocessing.json"}


@pytest.mark.slow
def test_a_server_says_the_same_of_both(both: Any, tmp_path: Path) -> None:
    """Its pages ask the same questions."""
    uris, made, published = both
    said = []
    for uri, ids in zip(uris, published, strict=True):
        with served(uri, tmp_path) as address:
            client = store.open_client(address)
            numbers = (0, 9, -1)
            said.append([shown(client, ids[number], made[number]) for number in numbers])
            said[-1].append(sorted(file.path for file in client.list_artifacts(ids[0])))
    assert said[0] == said[1]
    assert "snapshots.npz" in said[1][-1]


def test_what_the_client_refuses_is_refused(tmp_path: Path, tracker: Tracker, uri: str) -> None:
    good = make_record(tmp_path / "good")
    odd = [
        make_record(tmp_path / "metric", seed=1, metrics={"epoch": [0], "a/../b": [1.0]}),
        make_record(tmp_path / "param", seed=2, config=config_yaml() + "a//b: 1\n"),
        make_record(tmp_path / "params", seed=3, config=config_yaml() + "'a[': 1\n'a]': 1\n"),
        make_record(
            tmp_path / "dataset",
            seed=5,
            preprocessing=preprocessing_json().replace("height", "h" * 1_100_000),
        ),
        make_record(tmp_path / "time", seed=4, started="1900-01-01T00:00:00+00:00"),
        make_record(
            tmp_path / "later time",
            seed=6,
            metrics={"epoch": [0, 1], "seconds": [0.0, -1e10], "train/loss": [1.0, 0.5]},
        ),
    ]
    for record in odd:
        with pytest.raises(RefusedError):
            tracker.publish_together([good, record])
    assert not rows(uri, "SELECT * FROM runs WHERE experiment_id = ?", tracker.experiment_id)
    assert not run_folders(tracker)


# When


def test_known_runs_and_those_in_training_are_left_to_the_client(
    tmp_path: Path, tracker: Tracker, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tracker.publish(records[0])
    with counted_calls(monkeypatch) as calls:
        again = Tracker(tracker.uri, tracker.experiment_name).publish_together(records)
    assert again[0] == first
    assert calls == []
    progress = make_progress(tmp_path / "running", 2, seed=9)
    with counted_calls(monkeypatch) as calls:
        tracker.publish_progress(progress)
        tracker.publish(make_record(tmp_path / "running", seed=9))
    assert calls.count("create_run") == calls.count("set_terminated") == 1


def test_a_run_deleted_in_mlflow_is_new(tracker: Tracker, records: list[Record]) -> None:
    first = tracker.publish(records[0])
    tracker._client.delete_run(first)
    second = Tracker(tracker.uri, tracker.experiment_name).publish(records[0])
    assert second != first
    (run,) = tracker._client.search_runs([tracker.experiment_id])
    assert run.info.run_id == second


class PluginStore(SqlAlchemyStore):
    """A store that may have further tables."""


def store_of(tracker: Tracker) -> Any:
    return tracker._client._tracking_client.store


@pytest.mark.parametrize(
    "setup",
    [
        lambda patched, _: patched.setattr(bulk, "SCHEMAS", frozenset({"another"})),
        lambda patched, t: patched.setattr(store_of(t), "__class__", PluginStore),
        lambda patched, _: patched.setenv(switches.VARIABLE, "bulk"),
        lambda patched, _: patched.setattr(bulk, "_MEASURED", 100),
        lambda patched, _: patched.setattr(bulk, "_COPIED", 100),
    ],
    ids=["a schema", "a plugin", "the switch", "much is measured", "files are large"],
)
def test_the_client_writes_if_in_the_way_is(
    setup: Callable[[pytest.MonkeyPatch, Tracker], None],
    tracker: Tracker,
    records: list[Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup(monkeypatch, tracker)
    with counted_calls(monkeypatch) as calls:
        tracker.publish_together(records)
    assert calls.count("create_run") == len(records)
    assert all(tracker.look_up([record]) for record in records)


def test_a_schema_that_changes_meanwhile_is_left_to_the_client(
    fresh: Path, tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = Tracker(f"sqlite:///{shutil.copy(fresh, tmp_path)}", "both")
    tracker.publish(records[0])
    with closing(sqlite3.connect(database_of(tracker.uri))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
        connection.commit()
    with counted_calls(monkeypatch) as calls:
        tracker.publish(records[1])
    assert "create_run" in calls


@pytest.mark.parametrize("location", ["s3://bucket/runs", "mlflow-artifacts:/1"])
def test_files_that_are_stored_elsewhere_are_left_to_the_client(
    location: str, client: MlflowClient, uri: str, records: list[Record]
) -> None:
    experiment = int(client.create_experiment(location, artifact_location=location))
    assert BulkWriter(client, database_of(uri)).publish(experiment, records) == {}


def test_an_experiment_deleted_meanwhile_is_explained(
    tracker: Tracker, records: list[Record]
) -> None:
    tracker._client.delete_experiment(tracker.experiment_id)
    with pytest.raises(TrackingError, match="was deleted"):
        tracker.publish_together(records)


# How much


def test_the_number_of_statements_and_writes_does_not_grow_with_the_runs(
    tmp_path: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    validated: list[str] = []
    copies: list[Path] = []
    journals: list[str] = []
    real_copy, real_write, validate = shutil.copy2, Path.write_text, validation._validate_metric
    monkeypatch.setattr(
        validation,
        "_validate_metric",
        lambda key, *rest, **place: (validated.append(key), validate(key, *rest, **place)),
    )
    monkeypatch.setattr(
        shutil, "copy2", lambda source, to: (copies.append(source), real_copy(source, to))
    )
    monkeypatch.setattr(
        Path, "write_text", lambda path, text: (journals.append(text), real_write(path, text))[1]
    )

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    for count in (1, 20):
        made = [make_record(tmp_path / f"{count}-{n}", seed=100 * count + n) for n in range(count)]
        statements.clear(), copies.clear(), journals.clear(), validated.clear()
        event.listen(Engine, "before_cursor_execute", note)
        tracker.publish_together(made)
        event.remove(Engine, "before_cursor_execute", note)
        inserts = [one for one in statements if one.startswith("INSERT")]
        assert len(inserts) == (8 if count == 1 else 7)  # the dataset once
        asked = [one for one in statements if one.startswith("SELECT")]
        assert len(asked) == 4  # the experiment, the schema, which runs are there, the datasets
        assert len(copies) == count * len(FILES)
        assert len(journals) == 1
        assert len(validated) == count * len(set(validated))  # each metric once, not each epoch
        reused = [taken_over(record, tmp_path / "reused" / record.folder.name) for record in made]
        statements.clear()
        event.listen(Engine, "before_cursor_execute", note)
        Tracker(tracker.uri, tracker.experiment_name).publish_together(reused)
        event.remove(Engine, "before_cursor_execute", note)
        assert len([one for one in statements if one.startswith("INSERT")]) == 1  # the sweep
        asked = [one for one in statements if one.startswith("SELECT") and "FROM tags" in one]
        assert len(asked) == 2  # which runs are there, and in which sweeps they are


# All or nothing


def run_folders(tracker: Tracker) -> set[str]:
    """Return the names of all folders with files of runs: their ids."""
    location = tracker._client.get_experiment(tracker.experiment_id).artifact_location
    folder = Path(location.removeprefix("file://"))
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def runs_of(tracker: Tracker) -> list[str]:
    found = rows(
        tracker.uri, "SELECT run_uuid FROM runs WHERE experiment_id=?", tracker.experiment_id
    )
    return [run_id for (run_id,) in found]


def assert_whole(tracker: Tracker, records: list[Record]) -> None:
    """Check that each run is there once with all that belongs to it, and nothing else is."""
    ids = runs_of(tracker)
    assert len(ids) == len(records)
    assert run_folders(tracker) == set(ids)
    for run_id in ids:
        counts = [
            rows(tracker.uri, f"SELECT COUNT(*) FROM {table} WHERE {column} = ?", run_id)[0][0]
            for table, column in (("metrics", "run_uuid"), ("inputs", "destination_id"))
        ]
        assert counts == [31, 1]
        assert set(files_of(tracker._client, run_id)) == set(FILES)
    assert not journal_of(tracker).exists()


def journal_of(tracker: Tracker) -> Path:
    return database_of(tracker.uri).with_name(".mlflow.db.copying")


def fork(action: Callable[[], object]) -> int:
    """Call a function in a fork of this process, and return its id; it exits with 2 on errors."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(2)
    return pid


def disturb(number: int, disturbance: Callable[[], object]) -> None:
    """Call a function before this process changes a file or a database for the n-th time.

    An audit hook cannot be removed, so this is for forks.
    """
    left = number

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            disturbance()

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & 3
        if writes or name in ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "shutil.copyfile"):
            count()

    event.listen(Engine, "before_cursor_execute", lambda *_: count())
    event.listen(Engine, "commit", lambda *_: count())
    sys.addaudithook(audit)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill_the_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
@pytest.mark.parametrize("disturbance", [kill, fill_the_disk])
def test_whatever_is_its_last_step_all_of_a_run_is_there_or_nothing(
    disturbance: Callable[[], None], uri: str, records: list[Record]
) -> None:
    for number in range(1, 200):
        tracker = Tracker(uri, f"{disturbance.__name__} {number}")
        tracker.open()

        def publish(tracker: Tracker = tracker, number: int = number) -> None:
            store_of(tracker).engine.dispose(close=False)
            disturb(number, disturbance)
            tracker.publish_together(records)

        _, ended = os.waitpid(fork(publish), 0)
        there = runs_of(tracker)
        assert len(there) in (0, len(records))
        assert set(there) <= run_folders(tracker)
        tracker.publish_together(records)
        assert_whole(tracker, records)
        if ended == 0:
            break
        assert ended in (signal.SIGKILL, 2 << 8)
    assert number > 30


@pytest.mark.slow
def test_a_publisher_killed_at_any_moment_leaves_all_of_a_run_or_nothing(
    uri: str, records: list[Record]
) -> None:
    draw = random.Random(20)
    ended = []
    for number in range(20):
        tracker = Tracker(uri, f"any moment {number}")
        tracker.open()

        def publish(tracker: Tracker = tracker) -> None:
            store_of(tracker).engine.dispose(close=False)
            tracker.publish_together(records)

        pid = fork(publish)
        time.sleep(0.1 * draw.random())
        os.kill(pid, signal.SIGKILL)
        ended.append(os.waitpid(pid, 0)[1])
        assert len(runs_of(tracker)) in (0, len(records))
        tracker.publish_together(records)
        assert_whole(tracker, records)
    print(f"{ended.count(signal.SIGKILL)} of {len(ended)} were killed")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"experiment": "x", "runs": 3}', '{"experiment": 1, "runs": [null]}'],
    ids=range(6),  # the names of the tests name folders
)
def test_a_journal_that_is_not_whole_is_removed(
    text: str, tracker: Tracker, records: list[Record]
) -> None:
    journal_of(tracker).write_text(text)
    tracker.publish_together(records)
    assert_whole(tracker, records)


def test_a_journal_removes_files_of_missing_runs_alone(
    tmp_path: Path, tracker: Tracker, records: list[Record]
) -> None:
    """It may have been changed by somebody who wants other files removed."""
    (kept,) = tracker.publish_together(records[:1])
    folder = Path(tracker._client.get_run(kept).info.artifact_uri.removeprefix("file://")).parents[
        1
    ]
    orphan = "0" * 32
    for place in (folder / orphan / "artifacts", folder / "models", tmp_path / "mine"):
        place.mkdir(parents=True)
    names = [kept, orphan, "models", "../" + folder.name, str(tmp_path / "mine"), ""]
    noted = {"experiment": int(tracker.experiment_id), "runs": names}
    journal_of(tracker).write_text(json.dumps(noted))
    tracker.publish_together(records[1:])
    assert (tmp_path / "mine").exists()
    assert (folder / "models").exists()
    (folder / "models").rmdir()
    assert_whole(tracker, records)
