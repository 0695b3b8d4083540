"""Publishing while runs train, with a tracker that does as it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from experiments.config.schema import Tracking
from experiments.errors import (
    RecordError,
    RefusedError,
    TrackerAwayError,
    TrackingError,
    UserError,
)
from experiments.runs.record import Record
from experiments.tracking.patience import Patience
from experiments.tracking.publisher import Publisher
from experiments.tracking.views import View
from tests.experiments.record_factory import make_record
from tests.experiments.tracking.test_views import VIEW

COMMAND = ["descent ui", "(wait until it says that MLflow is ready; Ctrl-C ends it)"]


class FakeTracker:
    """Notes what it is asked for; fails where it is told to."""

    failing: ClassVar[set[str]] = set()
    kind: ClassVar[type[UserError]] = TrackerAwayError
    calls: ClassVar[list[tuple[str, Any]]] = []

    def __init__(self, uri: str | None, experiment_name: str, patience: Patience) -> None:
        self._do("init", (uri, experiment_name))

    def _do(self, name: str, detail: Any) -> None:
        type(self).calls.append((name, detail))
        if name in self.failing:
            raise self.kind(f"{name} failed")

    def open(self) -> None:
        self._do("open", None)

    def publish(
        self, record: Record, *, model: bool = False, trusted: frozenset[str] = frozenset()
    ) -> str:
        self._do("model" if model else "publish", record.name)
        return f"id-of-{record.name}"

    def publish_together(self, records: list[Record]) -> list[str]:
        self._do("together", names(records))
        for record in records:
            self._do(f"publish {record.name}", None)
        return [f"id-of-{record.name}" for record in records]

    def publish_progress(self, record: Record) -> str:
        self._do("progress", record.name)
        return "id"

    def publish_summary(
        self, sweep: str, *, files: Any, note: str, name: str, view: View | None
    ) -> str:
        self._do("summary", (sweep, list(files), note, name, view))
        return "id"

    def ui_command(self) -> str | None:
        return "descent ui"

    def ui_link(self, sweep: str | None = None, *, run_id: str | None = None) -> str:
        return f"link to {sweep or run_id}"


class Clock:
    """A clock that stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


Failing = Callable[..., None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Say what fails from now on; nothing at first."""
    monkeypatch.setattr(FakeTracker, "failing", set())
    monkeypatch.setattr(FakeTracker, "calls", [])
    monkeypatch.setattr("experiments.tracking.publisher.Tracker", FakeTracker)

    def set_failing(*names: str, kind: type[UserError] = TrackerAwayError) -> None:
        FakeTracker.failing = set(names)
        FakeTracker.kind = kind

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
    publisher.publish_models(records, trusted=frozenset())
    publisher.publish_comparison("sweep-1", [Path("a.csv")], "the note", VIEW)
    assert asked("init") == [("http://there", "trial")]
    assert asked("publish") == asked("model") == names(records)
    assert asked("summary") == [("sweep-1", [Path("a.csv")], "the note", "comparison", VIEW)]
    assert publisher.published == [record.folder for record in records]
    assert publisher.waiting == 0
    assert warnings == []
    assert publisher.where("sweep-1") == [
        *COMMAND,
        "the sweep's runs: link to sweep-1",
        "the comparison: link to id",
    ]
    assert publisher.where() == [*COMMAND, f"the run: link to id-of-{records[-1].name}"]


def test_several_are_published_together(failing: Failing, records: list[Record]) -> None:
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    publisher.publish(*records)
    publisher.publish(records[0])
    assert asked("together") == [names(records)]
    assert asked("publish") == names(records[:1])
    assert publisher.published == [record.folder for record in [*records, records[0]]]
    assert publisher.done == 5
    assert publisher.where() == [*COMMAND, f"the run: link to id-of-{records[0].name}"]


@pytest.mark.parametrize("kind", [RefusedError, RecordError])
def test_if_one_of_several_is_refused_each_is_tried_by_itself(
    kind: type[UserError], failing: Failing, records: list[Record]
) -> None:
    warnings: list[str] = []
    publisher = Publisher(Tracking(), "trial", warnings.append)
    failing(f"publish {records[1].name}", kind=kind)
    publisher.publish(*records)
    assert asked("together") == [names(records)]
    assert asked("publish") == names(records)
    assert publisher.published == [record.folder for record in records]
    assert warnings == []


def test_several_wait_like_one_while_the_tracker_is_away(
    failing: Failing, records: list[Record]
) -> None:
    clock, warnings = Clock(), list[str]()
    publisher = Publisher(Tracking(), "trial", warnings.append, clock)
    failing("init")
    publisher.publish(*records[:2])
    publisher.publish(*records[2:])
    assert publisher.waiting
    assert publisher.next_try == 1.0
    assert asked("together") == asked("publish") == []
    assert warnings == ["init failed Training continues; publishing will be retried."]
    failing()
    clock.now += publisher.next_try
    publisher.work()
    assert asked("publish") == names(records[:2])
    assert asked("together") == [names(records[2:])]
    assert publisher.published == [record.folder for record in records]
    assert not publisher.waiting
    assert warnings[1:] == ["the tracker answers again"]


def test_long_runs_are_published_one_by_one(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Record, "measured_bytes", 1 << 18)
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    publisher.publish(*records)
    publisher.publish(*records[:2])
    assert asked("publish") == names(records)
    assert asked("together") == [names(records[:2])]


def test_nothing_is_asked_for_where_there_is_nothing_to_see(
    failing: Failing, tmp_path: Path
) -> None:
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    empty = [
        make_record(tmp_path / str(seed), seed=seed, status="interrupted", metrics={})
        for seed in range(2)
    ]
    publisher.publish(*empty)
    assert asked("together") == []
    assert publisher.published == [record.folder for record in empty]
    assert publisher.where() == []


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
    publisher.publish_models(records, trusted=frozenset())
    assert asked("model") == expected


def test_what_fails_is_tried_again_later_and_later_and_in_order(
    failing: Failing, records: list[Record]
) -> None:
    clock = Clock()
    warnings: list[str] = []
    publisher = Publisher(Tracking(models="all"), "trial", warnings.append, clock)
    publisher.publish(records[0])
    failing("publish")
    publisher.publish(records[1])
    tries = []
    for record in (records[2], records[3], None, None):
        if record is not None:
            publisher.publish(record)
        tries.append(publisher.next_try)
        publisher.work()  # not due yet: nobody is asked
        clock.now += publisher.next_try
        publisher.work()
    assert tries == [1, 2, 4, 8]
    assert warnings == ["publish failed Training continues; publishing will be retried."]
    assert publisher.waiting == 3
    assert publisher.where("sweep-1") == []
    failing()
    clock.now += publisher.next_try
    publisher.work()
    assert asked("publish") == [records[0].name] + [records[1].name] * 6 + names(records[2:])
    assert publisher.published == [record.folder for record in records]
    assert publisher.waiting == 0
    assert warnings[1:] == ["the tracker answers again"]
    assert publisher.where("sweep-1") == [*COMMAND, "the sweep's runs: link to sweep-1"]


def test_no_try_waits_longer_than_a_minute(failing: Failing, records: list[Record]) -> None:
    failing("publish")
    clock = Clock()
    publisher = Publisher(Tracking(), "trial", lambda text: None, clock)
    publisher.publish(records[0])
    for _ in range(20):
        clock.now += publisher.next_try
        publisher.work()
    assert publisher.next_try == 60


@pytest.mark.parametrize("what", ["init", "open", "publish"])
def test_a_tracker_that_refuses_costs_one_warning_and_no_second_try(
    what: str, failing: Failing, records: list[Record]
) -> None:
    failing(what, kind=TrackingError)
    warnings: list[str] = []
    publisher = Publisher(Tracking(), "trial", warnings.append)
    publisher.open()
    for record in records:
        publisher.publish(record)
    publisher.publish_progress(records[0])
    publisher.publish_models(records, trusted=frozenset())
    publisher.publish_comparison("sweep-1", [], "")
    assert warnings == [f"{what} failed"]
    assert publisher.published == []
    assert publisher.waiting == 0  # nobody need wait for it
    assert publisher.where() == publisher.where("sweep-1") == []
    assert len(asked("publish")) == (1 if what == "publish" else 0)
    assert asked("model") == asked("summary") == asked("progress") == []


@pytest.mark.parametrize("kind", [RefusedError, RecordError])
def test_a_record_that_is_refused_does_not_hold_up_the_others(
    kind: type[UserError], failing: Failing, records: list[Record]
) -> None:
    warnings: list[str] = []
    publisher = Publisher(Tracking(models="all"), "trial", warnings.append)
    publisher.publish(records[0])
    failing("publish", kind=kind)
    publisher.publish(records[1])
    failing()
    publisher.publish(records[2])
    assert publisher.published == [records[0].folder, records[2].folder]
    assert publisher.waiting == 0
    assert warnings == ["publish failed"]


def test_progress_is_published_only_when_nothing_else_waits(
    failing: Failing, records: list[Record]
) -> None:
    clock = Clock()
    publisher = Publisher(Tracking(), "trial", lambda text: None, clock)
    publisher.publish_progress(records[0])
    assert asked("progress") == [records[0].name]
    failing("progress")
    publisher.publish_progress(records[0])
    assert publisher.waiting == 0  # out of date soon, so it is not kept
    failing()
    publisher.publish_progress(records[0])  # just failed
    assert len(asked("progress")) == 2
    failing("publish")
    clock.now += publisher.next_try
    publisher.publish(records[1])
    clock.now += publisher.next_try
    publisher.publish_progress(records[0])
    assert len(asked("progress")) == 2


def test_much_that_waits_is_published_a_piece_at_a_time(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def slow(self: FakeTracker, record: Record, *, model: bool = False) -> str:
        clock.now += 0.4
        self._do("publish", record.name)
        return "id"

    monkeypatch.setattr(FakeTracker, "publish", slow)
    publisher = Publisher(Tracking(), "trial", lambda text: None, clock)
    failing("publish")
    for record in records * 2:
        publisher.publish(record)
    failing()
    clock.now += publisher.next_try
    before = len(asked("publish"))
    publisher.work(1.0)
    assert len(asked("publish")) - before == 3  # so that whoever waits hears of it
    publisher.work(60.0)
    assert publisher.waiting == 0


def test_nothing_is_tracked_when_tracking_is_off(failing: Failing, records: list[Record]) -> None:
    publisher = Publisher(Tracking(enabled=False), "trial", pytest.fail)
    publisher.open()
    publisher.publish(records[0])
    publisher.publish_models(records, trusted=frozenset())
    publisher.publish_comparison("sweep-1", [], "")
    assert FakeTracker.calls == []
    assert publisher.waiting == 0
    assert publisher.where() == []


def test_there_is_nothing_to_open_before_anything_is_published(failing: Failing) -> None:
    assert Publisher(Tracking(), "trial", pytest.fail).where("sweep-1") == []


def test_a_server_needs_no_command(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTracker, "ui_command", lambda self: None)
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    publisher.publish(records[0])
    assert publisher.where("s") == ["the sweep's runs: link to s"]


def test_a_defect_of_ours_is_not_hidden(
    failing: Failing, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FakeTracker, record: Record, *, model: bool = False) -> str:
        raise AttributeError("a defect")

    monkeypatch.setattr(FakeTracker, "publish", broken)
    publisher = Publisher(Tracking(), "trial", pytest.fail)
    with pytest.raises(AttributeError):
        publisher.publish(records[0])


def test_patience_ends_by_waiting_or_by_many_failures(
    failing: Failing, records: list[Record]
) -> None:
    failing("publish")
    clock = Clock()
    publisher = Publisher(Tracking(patience=10.0), "trial", lambda text: None, clock)
    publisher.publish(records[0])
    clock.now += 1000.0  # during which nobody tried
    assert not publisher.is_hopeless
    waits = []
    while not publisher.is_hopeless:
        waits.append(publisher.next_try)
        clock.now += 1.5 * publisher.next_try  # this process is slow, too
        publisher.work()
    assert waits == [0, 2, 4, 3]  # the last try is made when the patience ends
    publisher.try_anew()
    assert not publisher.is_hopeless
    assert publisher.next_try == 0
    failing()
    publisher.work()
    assert publisher.waiting == 0


def test_what_always_fails_is_given_up_although_the_tracker_stores_other_things(
    failing: Failing, records: list[Record]
) -> None:
    failing("publish")
    clock = Clock()
    publisher = Publisher(Tracking(), "trial", lambda text: None, clock)
    publisher.publish(records[0])
    for _ in range(9):
        assert not publisher.is_hopeless
        publisher._patience.silent = 0.0
        clock.now += publisher.next_try
        publisher.work()
    assert publisher.is_hopeless
