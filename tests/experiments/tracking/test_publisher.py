"""Publishing while runs train, with a tracker that does as it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from experiments.config import Tracking
from experiments.errors import TrackingError
from experiments.records import Record
from experiments.tracking.publisher import Publisher
from tests.experiments.record_factory import make_record


class FakeTracker:
    """Notes what it is asked for; fails where it is told to."""

    failing: ClassVar[set[str]] = set()
    calls: ClassVar[list[tuple[str, Any]]] = []

    def __init__(self, uri: str | None, experiment_name: str) -> None:
        self._do("init", (uri, experiment_name))

    def _do(self, name: str, detail: Any) -> None:
        type(self).calls.append((name, detail))
        if name in self.failing:
            raise TrackingError(f"{name} failed")

    def open(self) -> None:
        self._do("open", None)

    def publish(self, record: Record, *, model: bool = False) -> str:
        self._do("model" if model else "publish", record.name)
        return f"id-of-{record.name}"

    def publish_summary(self, sweep: str, *, files: Any, note: str, name: str) -> str:
        self._do("summary", (sweep, list(files), note, name))
        return "id"

    def ui_command(self) -> str | None:
        return "mlflow ui"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        return f"link to {sweep or run_id}"


Failing = Callable[..., None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Say what fails from now on; nothing at first."""
    monkeypatch.setattr(FakeTracker, "failing", set())
    monkeypatch.setattr(FakeTracker, "calls", [])
    monkeypatch.setattr("experiments.tracking.publisher.Tracker", FakeTracker)

    def set_failing(*names: str) -> None:
        FakeTracker.failing = set(names)

    return set_failing


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return [
        make_record(tmp_path / f"{optimizer}{seed}", optimizer=optimizer, seed=seed)
        for optimizer in ("sgd", "adam")
        for seed in range(2)
    ]


def asked(name: str) -> list[Any]:
    return [detail for call, detail in FakeTracker.calls if call == name]


def names(found: list[Record]) -> list[str]:
    return [record.name for record in found]


def test_records_are_published_as_they_come(failing: Failing, records: list[Record]) -> None:
    warnings: list[str] = []
    publisher = Publisher(Tracking(uri="http://there", models="all"), "trial", warnings.append)
    publisher.open()
    for record in records:
        publisher.publish(record)
    publisher.publish_models(records)
    publisher.publish_comparison("sweep-1", [Path("a.csv")], "the note")
    assert asked("init") == [("http://there", "trial")]
    assert asked("publish") == asked("model") == names(records)
    assert asked("summary") == [("sweep-1", [Path("a.csv")], "the note", "comparison")]
    assert publisher.works
    assert publisher.unpublished == []
    assert warnings == []
    assert publisher.where("sweep-1") == ["mlflow ui", "link to sweep-1"]
    assert publisher.where() == ["mlflow ui", f"link to id-of-{records[-1].name}"]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("all", ["sgd-seed0", "sgd-seed1", "adam-seed0", "adam-seed1"]),
        ("best", ["sgd-seed0", "adam-seed0"]),  # the made-up loss grows with the seed
        ("none", []),
    ],
)
def test_which_runs_get_models(
    models: Any, expected: list[str], failing: Failing, records: list[Record]
) -> None:
    publisher = Publisher(Tracking(models=models), "trial", pytest.fail)
    publisher.publish_models(records)
    assert asked("model") == expected


@pytest.mark.parametrize("what", ["init", "open", "publish"])
def test_a_tracker_that_fails_costs_one_warning_and_no_record(
    what: str, failing: Failing, records: list[Record]
) -> None:
    failing(what)
    warnings: list[str] = []
    publisher = Publisher(Tracking(), "trial", warnings.append)
    publisher.open()
    for record in records:
        publisher.publish(record)
    publisher.publish_models(records)
    publisher.publish_comparison("sweep-1", [], "")
    assert warnings == [f"{what} failed"]
    assert not publisher.works
    assert publisher.unpublished == records
    assert publisher.where() == publisher.where("sweep-1") == []
    # Each further try would wait for the same time-outs.
    assert len(asked("publish")) == (1 if what == "publish" else 0)
    assert asked("model") == asked("summary") == []


def test_what_was_published_before_the_failure_stays_so(
    failing: Failing, records: list[Record]
) -> None:
    warnings: list[str] = []
    publisher = Publisher(Tracking(), "trial", warnings.append)
    publisher.publish(records[0])
    failing("publish")
    publisher.publish(records[1])
    failing()
    publisher.publish(records[2])  # not tried: the tracker is given up
    assert publisher.unpublished == records[1:3]
    assert asked("publish") == names(records[:2])
    assert len(warnings) == 1


def test_models_that_fail_leave_the_runs_published(failing: Failing, records: list[Record]) -> None:
    warnings: list[str] = []
    publisher = Publisher(Tracking(models="all"), "trial", warnings.append)
    for record in records:
        publisher.publish(record)
    failing("model")
    publisher.publish_models(records)
    publisher.publish_comparison("sweep-1", [], "")
    assert publisher.unpublished == []
    assert warnings == ["model failed"]
    assert len(asked("model")) == 1


def test_nothing_is_tracked_when_tracking_is_off(failing: Failing, records: list[Record]) -> None:
    publisher = Publisher(Tracking(enabled=False), "trial", pytest.fail)
    publisher.open()
    publisher.publish(records[0])
    publisher.publish_models(records)
    publisher.publish_comparison("sweep-1", [], "")
    assert FakeTracker.calls == []
    assert not publisher.works
    assert publisher.unpublished == []  # nobody wants them published
    assert publisher.where() == []


def test_there_is_nothing_to_open_before_anything_is_published(failing: Failing) -> None:
    assert Publisher(Tracking(), "trial", pytest.fail).where("sweep-1") == []


def test_a_server_needs_no_command(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTracker, "ui_command", lambda self: None)
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    publisher.publish(records[0])
    assert publisher.where("s") == ["link to s"]


def test_a_defect_of_ours_is_not_hidden(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FakeTracker, record: Record, *, model: bool = False) -> str:
        raise AttributeError("a defect")

    monkeypatch.setattr(FakeTracker, "publish", broken)
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    with pytest.raises(AttributeError):
        publisher.publish(records[0])
