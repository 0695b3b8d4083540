import json
import math
import shlex
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from experiments import switches
from experiments.commands.publish import main as publish
from experiments.errors import TrackingError
from experiments.palette import color_of
from experiments.runs.layout import FILES
from experiments.runs.record import Record
from experiments.tracking import store
from experiments.tracking.address import resolve_uri, sqlite_file
from experiments.tracking.fetch import fetch_record
from experiments.tracking.pages import experiment_pages
from experiments.tracking.runs import Tracker, choose_models
from experiments.tracking.summaries import Summary
from experiments.tracking.views import view_value
from tests.experiments.record_factory import (
    STARTED,
    config_yaml,
    make_record,
    record_metrics,
)
from tests.experiments.tracking.server import served
from tests.experiments.tracking.test_views import VIEW

START = int(STARTED.timestamp() * 1000)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    # Blanks and such are what addresses get wrong.
    return f"sqlite:///{tmp_path_factory.mktemp('a b#c%')}/mlflow.db"


@pytest.fixture
def tracker(uri: str, request: pytest.FixtureRequest) -> Tracker:
    """A tracker of this test's own experiment; making a database takes seconds."""
    return Tracker(uri, request.node.name)


@pytest.fixture
def client(uri: str) -> MlflowClient:
    return store.open_client(uri)


def points(client: MlflowClient, run: Run) -> dict[str, list[tuple[int, float, int]]]:
    """Every metric's points as (step, value, milliseconds)."""
    return {
        key: [
            (m.step, m.value, m.timestamp) for m in client.get_metric_history(run.info.run_id, key)
        ]
        for key in run.data.metrics
    }


def rows_in_database(uri: str) -> dict[str, int]:
    """Count what is stored, since MLflow's own calls may hide duplicates."""
    tables = ("runs", "metrics", "params", "tags", "inputs", "datasets", "logged_models")
    with sqlite3.connect(str(sqlite_file(uri))) as connection:
        return {
            table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in tables
        }


def test_a_run_is_published_whole(tmp_path: Path, tracker: Tracker, client: MlflowClient) -> None:
    record = make_record(tmp_path, optimizer="sgd", seed=3)
    run = client.get_run(tracker.publish(record))

    assert run.info.run_name == "sgd-seed3"
    assert run.info.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == (START, START + 12_500)

    params = run.data.params
    assert params["optimizer"] == "sgd"
    assert params["dataset"] == "animals"
    assert params["loss"] == "cross_entropy"
    assert params["seed"] == "3"
    assert params["optimizer.lr"] == "0.001"
    assert params["model.hidden"] == "[4]"
    assert params["training.early_stopping.patience"] == "null"
    assert not [key for key in params if key.startswith("tracking")]

    tags = run.data.tags
    assert tags["kind"] == "run"
    assert tags["sweep"] == "sweep-1"
    assert tags["uid"] == record.uid
    assert tags["identity"] == record.identity
    assert tags["status"] == "done"
    assert tags["command"] == "python run.py optimizer=sgd seed=3"
    assert tags["commit"] == "c0ffee"
    assert tags["mlflow.runColor"] == color_of("sgd")
    assert r"best/val\_accuracy | 0.9" in tags["mlflow.note.content"]
    assert "non_finite" not in tags

    found = points(client, run)
    metrics = record_metrics()
    assert found["train/loss"] == [
        (epoch, value, START + 500 * epoch) for epoch, value in enumerate(metrics["train/loss"])
    ]
    assert [step for step, _, _ in found["gradient_norm"]] == [1, 2, 3]
    assert found["test/accuracy"] == [(0, 0.875, START + 12_500)]
    assert not {"epoch", "step", "seconds"} & set(found)

    (inputs,) = run.inputs.dataset_inputs
    assert inputs.dataset.name == "animals"
    assert inputs.dataset.digest == record.dataset["digest"][:36]
    names = [column["name"] for column in json.loads(inputs.dataset.schema)["mlflow_colspec"]]
    assert names == ["height", "width", "depth"]

    for name in FILES:
        fetched = client.download_artifacts(run.info.run_id, name, str(tmp_path))
        assert Path(fetched).read_bytes() == (record.folder / name).read_bytes()


def test_norms_by_layer_are_published_with_the_model_alone(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    norms = {"weight_norm/dense1": [1.0, 2.0, 3.0, 4.0]}
    norms["gradient_norm/dense1"] = [None, 0.5, 0.25, 0.125]
    record = make_record(tmp_path, metrics={**record_metrics(), **norms})
    run = client.get_run(tracker.publish(record))
    assert not set(norms) & set(points(client, run))
    run = client.get_run(tracker.publish(record, model=True))
    found = points(client, run)
    assert [point[:2] for point in found["weight_norm/dense1"]] == list(
        enumerate(norms["weight_norm/dense1"])
    )
    assert [point[0] for point in found["gradient_norm/dense1"]] == [1, 2, 3]


def test_publishing_again_adds_nothing(tmp_path: Path, tracker: Tracker, uri: str) -> None:
    record = make_record(tmp_path)
    first = tracker.publish(record, model=True)
    before = rows_in_database(uri)
    assert tracker.publish(record, model=True) == first
    assert Tracker(uri, tracker.experiment_name).publish(record, model=True) == first
    assert rows_in_database(uri) == before


def test_what_is_there_as_a_whole_is_not_written(
    tmp_path: Path, tracker: Tracker, uri: str
) -> None:
    record = make_record(tmp_path)
    run_id = tracker.publish(record, model=True)
    with closing(sqlite3.connect(str(sqlite_file(uri)))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert Tracker(uri, tracker.experiment_name).publish_together([record]) == [run_id]
        assert tracker.publish(record, model=True) == run_id
        other.rollback()


def test_several_runs_are_published_together_or_one_by_one_the_same(
    tmp_path: Path, tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [make_record(tmp_path / str(seed), seed=seed) for seed in range(3)]
    copy = make_record(tmp_path / "copy", seed=1)
    together = tracker.publish_together([*records, copy])
    assert together[3] == together[1]
    assert len(client.search_runs([tracker.experiment_id])) == 3
    monkeypatch.setenv(switches.VARIABLE, "bulk")
    other = Tracker(tracker.uri, tracker.experiment_name + "-other")
    one_by_one = [other.publish(record) for record in records]
    for pair in zip(together[:3], one_by_one, strict=True):
        first, second = map(client.get_run, pair)
        assert points(client, first) == points(client, second)
        assert first.data.params == second.data.params
        assert first.data.tags == second.data.tags
        assert first.info.status == second.info.status == "FINISHED"
        assert len(first.inputs.dataset_inputs) == len(second.inputs.dataset_inputs) == 1


@pytest.mark.parametrize("began", ["a", None], ids=["", "as older versions wrote it"])
def test_a_run_of_two_sweeps_is_one_whichever_publishes_it_first(
    began: str | None, tmp_path: Path, tracker: Tracker, client: MlflowClient, uri: str
) -> None:
    uid = f"{began}-of-two".encode().hex()
    own = make_record(tmp_path / "a", sweep="a", started_in=began, uid=uid)
    taken_over = make_record(tmp_path / "b", sweep="b", started_in=began, uid=uid)
    own.data["labels"] = {"stage": "reporting"}
    run_id = tracker.publish(taken_over)
    assert tracker.look_up([own])
    assert tracker.publish(own) == Tracker(uri, tracker.experiment_name).publish(own) == run_id
    tags = client.get_run(run_id).data.tags
    assert tags["sweep.a"] == tags["sweep.b"] == "yes"
    assert tags["stage"] == "reporting"
    assert len(client.search_runs([tracker.experiment_id], f"tags.uid = '{uid}'")) == 1


def test_a_run_deleted_in_mlflow_is_published_anew(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    record = make_record(tmp_path)
    first = tracker.publish(record)
    client.delete_run(first)
    second = tracker.publish(record, model=True)
    assert second != first
    (run,) = client.search_runs([tracker.experiment_id])
    assert (run.info.run_id, run.info.status) == (second, "FINISHED")
    assert run.outputs.model_outputs


@pytest.mark.parametrize("failing", ["log_batch", "log_inputs", "log_artifact", "set_terminated"])
def test_a_run_published_half_call_by_call_is_completed(
    tmp_path: Path,
    tracker: Tracker,
    client: MlflowClient,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    monkeypatch.setenv(switches.VARIABLE, "bulk")
    record = make_record(tmp_path)
    calls = 0
    owner = LocalArtifactRepository if failing == "log_artifact" else MlflowClient
    real = getattr(owner, failing)

    def fail_after_working(*arguments: Any, **keywords: Any) -> None:
        nonlocal calls
        calls += 1
        if failing != "set_terminated":
            real(*arguments, **keywords)
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(owner, failing, fail_after_working)
        with pytest.raises(TrackingError) as raised:
            tracker.publish(record)
    assert calls == 1
    assert "No space left on device" in str(raised.value)
    assert "Nothing is lost" in str(raised.value)
    (half,) = client.search_runs([tracker.experiment_id])
    assert half.info.status == "RUNNING"

    run = client.get_run(tracker.publish(record))
    assert run.info.run_id == half.info.run_id
    assert len(client.search_runs([tracker.experiment_id])) == 1
    assert run.info.status == "FINISHED"
    whole = client.get_run(Tracker(uri, tracker.experiment_name + "-whole").publish(record))
    assert points(client, run) == points(client, whole)
    assert run.data.params == whole.data.params
    assert run.data.tags == whole.data.tags
    assert len(run.inputs.dataset_inputs) == 1
    with sqlite3.connect(str(sqlite_file(uri))) as connection:
        counts = [
            connection.execute("SELECT COUNT(*) FROM metrics WHERE run_uuid = ?", [r.info.run_id])
            for r in (run, whole)
        ]
        assert len({count.fetchone() for count in counts}) == 1


@pytest.mark.parametrize(
    ("status", "in_mlflow"),
    [
        ("done", "FINISHED"),
        ("stopped_early", "FINISHED"),
        ("diverged", "FAILED"),
        ("failed", "FAILED"),
        ("interrupted", "KILLED"),
    ],
)
def test_every_status_is_told(
    tmp_path: Path, tracker: Tracker, client: MlflowClient, status: str, in_mlflow: str
) -> None:
    record = make_record(tmp_path, status=status, message="why it ended")
    run = client.get_run(tracker.publish(record))
    assert run.info.status == in_mlflow
    assert run.data.tags["status"] == status
    assert run.data.tags["message"] == "why it ended"
    assert "why it ended" in run.data.tags["mlflow.note.content"]


def test_a_run_that_failed_before_it_trained_is_published(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    record = make_record(
        tmp_path,
        status="failed",
        metrics={},
        weights={},
        summary={},
        dataset=None,
        environment=None,
    )
    (tmp_path / "preprocessing.json").unlink()
    run = client.get_run(tracker.publish(record))
    assert run.info.status == "FAILED"
    assert run.data.metrics == {}
    assert run.data.params["optimizer"] == "adam"


def test_what_is_not_finite_is_left_out_and_said(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    record = make_record(
        tmp_path,
        status="diverged",
        metrics={
            "epoch": [0, 1, 2],
            "seconds": [0, 1, 2],
            "train/loss": [1.5, math.inf, math.nan],
            "val/loss": [1.25, -math.inf, None],
            "lr": [0.1, 0.1, 0.1],
            "gradient_norm": [None, 2.0, 3.0],
        },
        summary={"best/val_loss": 1.25, "test/loss": math.nan},
    )
    run = client.get_run(tracker.publish(record))
    found = {key: [value for _, value, _ in series] for key, series in points(client, run).items()}
    assert found == {
        "train/loss": [1.5],
        "val/loss": [1.25],
        "lr": [0.1, 0.1, 0.1],
        "gradient_norm": [2.0, 3.0],
        "best/val_loss": [1.25],
    }
    assert run.data.tags["non_finite"] == "train/loss, val/loss, test/loss"
    assert "test/loss | not finite" in run.data.tags["mlflow.note.content"]


def test_more_than_a_request_holds(tmp_path: Path, tracker: Tracker, client: MlflowClient) -> None:
    keys = "".join(f"  key{number}: {number}\n" for number in range(230))
    record = make_record(
        tmp_path, metrics=record_metrics(500), config=config_yaml() + "many:\n" + keys
    )
    run = client.get_run(tracker.publish(record))
    assert run.data.params["many.key229"] == "229"
    assert len(points(client, run)["val/accuracy"]) == 501


def test_long_and_strange_names_and_values(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    long = "x" * 300
    config = config_yaml() + f"odd[0]: 1\n{long}a: 1\n{long}b: 2\nlong: {'y' * 7000}\nempty: ''\n"
    record = make_record(tmp_path, config=config, command="z" * 9000)
    run = client.get_run(tracker.publish(record))
    params = run.data.params
    assert params["odd_0_"] == "1"
    cut = {key: value for key, value in params.items() if key.startswith("xxx")}
    assert sorted(cut.values()) == ["1", "2"]
    assert {len(key) for key in cut} == {250}
    assert len(params["long"]) == 6000
    assert params["long"].endswith("[cut]")
    assert params["empty"] == ""
    assert len(run.data.tags["command"]) == 8000
    assert run.data.tags["command"].endswith("[cut]")


def test_a_picture_and_a_model_may_come_later(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    records = [make_record(tmp_path / str(seed), seed=seed) for seed in range(2)]
    runs = [tracker.publish(record) for record in records]
    assert not client.search_logged_models([tracker.experiment_id])
    before = client.get_run(runs[0]).info
    (records[0].folder / "learning_curves.svg").write_text("<svg/>")
    for record in records:
        tracker.publish(record, model=True)
    after = client.get_run(runs[0])
    assert (after.info.status, after.info.end_time) == (before.status, before.end_time)
    assert "learning_curves.svg" in {file.path for file in client.list_artifacts(runs[0])}
    models = client.search_logged_models([tracker.experiment_id])
    assert {model.source_run_id for model in models} == set(runs)
    assert len({model.name for model in models}) == 2
    assert {model.status.name for model in models} == {"READY"}
    assert {metric.key for metric in models[0].metrics} == set(records[0].summary)
    assert [output.model_id for output in after.outputs.model_outputs]


def test_a_comparison_is_brought_up_to_date(
    tmp_path: Path, tracker: Tracker, client: MlflowClient
) -> None:
    table = tmp_path / "comparison.csv"
    table.write_text("optimizer\nsgd\n")
    first = tracker.publish_summary(
        "s1", files=[table], note="# One", metrics={"a": 1.0, "b": math.nan}
    )
    table.write_text("optimizer\nadam\n")
    picture = tmp_path / "pictures" / "curves.svg"
    picture.parent.mkdir()
    picture.write_text("<svg/>")
    assert tracker.publish_summary("s1", files=[table, picture], note="# Two") == first
    assert tracker.publish_summary("s2", files=[], note="# Other" + 9000 * ".") != first
    described = client.get_experiment(tracker.experiment_id).tags["mlflow.note.content"]
    assert described.startswith("Latest comparison: sweep s2 ([its runs](./#/experiments/")
    assert "\n\n# Other..." in described
    assert len(described) == 5000
    run = client.get_run(first)
    assert run.info.run_name == "comparison"
    assert run.info.status == "FINISHED"
    assert run.data.tags["kind"] == "comparison"
    assert run.data.tags["comparison_of"] == "s1"
    assert not [tag for tag in run.data.tags if tag.startswith("sweep")]
    assert run.data.tags["mlflow.note.content"] == "# Two"
    assert run.data.metrics == {"a": 1.0}
    (tmp_path / "fetched").mkdir()
    fetched = client.download_artifacts(first, "comparison.csv", str(tmp_path / "fetched"))
    assert Path(fetched).read_text() == "optimizer\nadam\n"
    assert [file.path for file in client.list_artifacts(first, "pictures")] == [
        "pictures/curves.svg"
    ]


def test_the_page_shows_exactly_the_runs_of_a_sweep(tmp_path: Path, tracker: Tracker) -> None:
    number = tracker.experiment_id
    page = f"http://127.0.0.1:5000/#/experiments/{number}/runs"
    assert tracker.ui_link() == f"{page}?workflowType=machine_learning"
    assert tracker.ui_link("m/1") == (
        f"{page}?searchFilter=tags.%60sweep.m%2F1%60+%3D+%27yes%27&workflowType=machine_learning"
    )
    assert tracker.ui_link(run_id="abc") == f"{page}/abc?workflowType=machine_learning"


def test_the_page_of_a_sweep_opens_its_view(
    tmp_path: Path, tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.publish_summary("m/1", files=[], note="# One", view=VIEW)
    tags = client.get_experiment(tracker.experiment_id).tags
    assert tags["mlflow.sharedViewState.m/1"] == view_value(VIEW, "m/1")
    link = tracker.ui_link("m/1")
    assert link.endswith(
        "/runs?viewStateShareKey=m%2F1&compareRunsMode=CHART&workflowType=machine_learning"
    )
    assert link.removeprefix("http://127.0.0.1:5000") in tags["mlflow.note.content"]
    assert "searchFilter" in tracker.ui_link("another")
    pages = experiment_pages(tracker.uri, "http://127.0.0.1:5000")
    name = tracker.experiment_name
    assert [(own, page) for own, page in pages if own.startswith(name)] == [
        (f"{name}, latest sweep", link),
        (name, tracker.ui_link()),
    ]


def test_a_view_costs_one_request(
    tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker.open()
    asked: list[str] = []
    method = MlflowClient.set_experiment_tag

    def counted(self: MlflowClient, number: str, key: str, value: Any) -> None:
        asked.append(key)
        method(self, number, key, value)

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", counted)
    groups = [[f"optimizer{number}", None] for number in range(50)]
    tracker.publish_summary("s", files=[], note="", view=replace(VIEW, groups=groups))
    assert asked == ["mlflow.sharedViewState.s", "mlflow.note.content"]


def test_the_command_opens_the_same_database(
    tracker: Tracker, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["descent"])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert str(tracker.ui_command()).endswith(f"descent ui --uri {shlex.quote(uri)}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert str(tracker.ui_command()).endswith("descent ui")


def test_a_deleted_experiment_is_explained(
    tmp_path: Path, tracker: Tracker, client: MlflowClient, uri: str
) -> None:
    client.delete_experiment(tracker.experiment_id)
    with pytest.raises(TrackingError, match=r"was deleted.*restore.*experiment_name=NAME"):
        Tracker(uri, tracker.experiment_name).publish(make_record(tmp_path))


def test_an_experiment_made_by_another_at_the_same_moment_is_used(
    tracker: Tracker, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = client.create_experiment(tracker.experiment_name)
    real = MlflowClient.get_experiment_by_name
    answers: list[Any] = [None]  # at first it is not there yet

    def late(self: MlflowClient, name: str) -> Any:
        return answers.pop() if answers else real(self, name)

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", late)
    assert tracker.experiment_id == number


# Addresses


def test_addresses_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert resolve_uri("sqlite:///runs/x.db", tmp_path) == f"sqlite:///{tmp_path}/runs/x.db"
    assert resolve_uri("sqlite:////abs/x.db", tmp_path) == "sqlite:////abs/x.db"
    assert resolve_uri("http://host:5000/") == "http://host:5000"
    assert resolve_uri("postgresql+psycopg2://host/db") == "postgresql+psycopg2://host/db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert resolve_uri(None) == "http://host:5000"


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "mlruns",
        "file:///mlruns",
        "sqlite:////a%20b/x.db",
        "sqlite:////a\0b/x.db",
        "sqlite:///~nobody-at-all/x.db",
        "http://[x",
        "postgresql://[h/db",
    ],
)
def test_addresses_that_keep_nothing_are_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = r"sqlite:///FILE\.db for a file, http://HOST:PORT for a server, or tracking=none"
    with pytest.raises(TrackingError, match=told) as raised:
        Tracker(uri, "x")
    assert str(raised.value).startswith(f"tracking.uri is {uri!r}, wh")
    if "\0" not in uri:  # which no variable can hold
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(TrackingError, match=told) as raised:
            Tracker(None, "x")
        assert str(raised.value).startswith(f"MLFLOW_TRACKING_URI is {uri!r}, wh")


def test_a_database_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tracker = Tracker(f"sqlite:///{tmp_path}/file/mlflow.db", "x")
    with pytest.raises(TrackingError, match=r"could not open it.*tracking\.uri"):
        tracker.open()


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be taken for one\n" * 9)
    with pytest.raises(TrackingError, match="not a database"):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", "x").open()


def test_a_server_that_does_not_answer_is_explained_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    tracker = Tracker(f"http://ada:hunter2@127.0.0.1:{port}", "x")
    with pytest.raises(TrackingError) as raised:
        tracker.publish(make_record(tmp_path))
    message = str(raised.value)
    assert f"http://ada:***@127.0.0.1:{port}" in message
    assert "Connection refused" in message
    assert "hunter2" not in message
    assert tracker.ui_command() is None


def test_a_run_that_holds_no_record_is_explained(
    tmp_path: Path, tracker: Tracker, uri: str
) -> None:
    run_id = tracker.publish_summary("s", files=[], note="")
    with pytest.raises(TrackingError, match="contains no record"):
        fetch_record(uri, run_id, tmp_path)


def test_a_database_killed_in_the_making_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.tracking import sqlalchemy_store

    def killed(self: object, uri: str, root: str) -> None:
        (Path(uri.removeprefix("sqlite:///"))).write_bytes(b"half a schema")
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlalchemy_store.SqlAlchemyStore, "__init__", killed)
    with pytest.raises(KeyboardInterrupt):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", "x").open()
    assert [path.name for path in tmp_path.iterdir()] == [".mlflow.db.lock"]


# Which runs get a model


def run_of(folder: Path, optimizer: str, seed: int, loss: float | None, **changes: Any) -> Record:
    return make_record(
        folder / f"{optimizer}-{seed}-{changes.get('sweep')}",
        optimizer=optimizer,
        seed=seed,
        summary={"best/val_loss": loss},
        **changes,
    )


def test_the_best_run_of_each_optimizer_is_chosen(tmp_path: Path) -> None:
    found = [
        run_of(tmp_path, "sgd", 0, 0.5),
        run_of(tmp_path, "sgd", 1, 0.4),
        run_of(tmp_path, "adam", 0, 0.1, status="diverged"),
        run_of(tmp_path, "adam", 1, None),
        run_of(tmp_path, "adam", 2, 0.3, status="stopped_early"),
        run_of(tmp_path, "adam", 3, 0.9, sweep="another"),
        run_of(tmp_path, "adam", 4, 2.0, sweep=None),
    ]
    assert choose_models(found, "best") == [found[1], found[4], found[5], found[6]]
    assert choose_models(found, "none") == []
    assert choose_models(found, "all") == [
        record for record in found if record.status != "diverged"
    ]


# scripts/publish.py


def test_a_folder_is_published_from_the_shell_and_again(
    tmp_path: Path, uri: str, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for optimizer in ("sgd", "adam"):
        for seed in range(2):
            run_of(tmp_path / "runs", optimizer, seed, 0.5 - 0.1 * seed, experiment="shell")
    arguments = [str(tmp_path / "runs"), str(tmp_path / "runs" / "sgd-0-None"), "--uri", uri]
    assert publish(arguments) == 0
    printed = capsys.readouterr().out
    assert "4 runs are in the experiment 'shell'" in printed
    assert "searchFilter=tags.%60sweep.sweep-1%60+%3D+%27yes%27" in printed
    Summary(tmp_path / "runs", "sweep-1", ["shell"], [], "note", VIEW).write()
    assert publish(arguments) == 0
    assert "viewStateShareKey=sweep-1&compareRunsMode=CHART" in capsys.readouterr().out
    before = rows_in_database(uri)
    assert publish(arguments) == 0
    assert rows_in_database(uri) == before
    experiment = client.get_experiment_by_name("shell")
    assert len(client.search_runs([experiment.experiment_id], "tags.kind = 'run'")) == 4
    models = client.search_logged_models([experiment.experiment_id])
    assert sorted(model.name[:10] for model in models) == ["adam-seed1", "sgd-seed1-"]


def test_a_folder_that_is_there_already_costs_few_questions(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(40):
        make_record(tmp_path / "runs" / str(seed), seed=seed, experiment="many")
    table = tmp_path / "runs" / "comparison.csv"
    table.write_text("optimizer\nadam\n")
    Summary(table.parent, "sweep-1", ["many"], [table.name], "# One").write()
    arguments = [str(tmp_path / "runs"), "--uri", uri]
    assert publish(arguments) == 0
    assert "40 published, 1 comparisons" in capsys.readouterr().out
    calls: list[str] = []

    def counted(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls.append(name)
            return real(*arguments, **keywords)

        return call

    for name in (name for name in vars(MlflowClient) if not name.startswith("_")):
        monkeypatch.setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))
    before = rows_in_database(uri)
    assert publish(arguments) == 0
    assert "40 published before, 1 comparisons" in capsys.readouterr().out
    assert rows_in_database(uri) == before
    # To open it; for all runs; for the comparison.
    assert sorted(calls) == sorted(
        ["search_experiments", "get_experiment_by_name", "search_runs", "search_runs"]
    )


def test_a_folder_without_runs_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish([str(tmp_path)]) == 1
    assert publish([str(tmp_path / "nowhere")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no runs here" in printed.err
    assert "nowhere: no such folder" in printed.err
    assert "Traceback" not in printed.err


# Other processes

PUBLISH = """
import sys
from experiments.runs.find import find_records
from experiments.tracking.runs import Tracker
folder, uri = sys.argv[1:]
tracker = Tracker(uri, "together")
for record in find_records(folder):
    tracker.publish(record)
"""


@pytest.mark.slow
def test_many_processes_publish_at_once_to_a_new_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    shared = [make_record(tmp_path / "shared" / str(seed), seed=seed) for seed in range(3)]
    folders = [tmp_path / "shared"] * 3
    for number in range(3):
        folders.append(tmp_path / f"own{number}")
        make_record(folders[-1] / "run", seed=100 + number)
    workers = [
        subprocess.Popen([sys.executable, "-c", PUBLISH, str(folder), uri], stderr=subprocess.PIPE)
        for folder in folders
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors.decode()
    tracker = Tracker(uri, "together")
    client = store.open_client(uri)
    runs = client.search_runs([tracker.experiment_id])
    assert sorted(run.data.params["seed"] for run in runs) == ["0", "1", "100", "101", "102", "2"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    expected = points(client, client.get_run(Tracker(uri, "alone").publish(shared[0])))
    for run in runs:
        assert {key: len(series) for key, series in points(client, run).items()} == {
            key: len(series) for key, series in expected.items()
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with served(f"sqlite:///{folder}/server.db", folder) as address:
        yield address


@pytest.mark.slow
def test_a_server_is_published_to_as_well(tmp_path: Path, server: str) -> None:
    record = make_record(tmp_path / "run")
    tracker = Tracker(server, "remote")
    run_id = tracker.publish(record, model=True)
    assert tracker.publish(record, model=True) == run_id
    client = store.open_client(server)
    (run,) = client.search_runs([tracker.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.end_time == START + 12_500
    assert len(points(client, run)["train/loss"]) == 4
    assert len(client.search_logged_models([tracker.experiment_id])) == 1
    assert fetch_record(server, run_id, tmp_path / "fetched").data == record.data
    assert tracker.ui_link(run_id=run_id).startswith(f"{server}/#/experiments/")
    tracker.publish_summary("odd / sweep", files=[], note="", view=VIEW)
    assert tracker.ui_link("odd / sweep") == (
        f"{server}/#/experiments/{tracker.experiment_id}/runs?viewStateShareKey=odd+%2F+sweep"
        "&compareRunsMode=CHART&workflowType=machine_learning"
    )
    tags = client.get_experiment(tracker.experiment_id).tags
    assert tags["mlflow.sharedViewState.odd / sweep"] == view_value(VIEW, "odd / sweep")
