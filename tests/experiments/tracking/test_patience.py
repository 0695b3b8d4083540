"""Calls that fail are repeated, and only waiting for the tracker uses up the patience."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from experiments.errors import TrackerAwayError, TrackingError
from experiments.tracking import store
from experiments.tracking.patience import Patience


class Time:
    """A clock that moves only when somebody waits, or a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def patience(time: Time) -> Patience:
    return Patience(30.0, time.sleep, time)


def failing(
    times: int, error: Exception, after: float = 0.0, time: Time | None = None
) -> Callable[[], str]:
    """Return a function that fails a number of times, each after some seconds."""
    left = times

    def call() -> str:
        nonlocal left
        if left:
            left -= 1
            if time is not None:
                time.now += after
            raise error
        return "answer"

    return call


AWAY = MlflowException("database is locked", TEMPORARILY_UNAVAILABLE)


def test_a_call_that_fails_is_repeated_after_longer_and_longer(
    time: Time, patience: Patience
) -> None:
    assert patience.read(failing(4, AWAY)) == "answer"
    assert time.pauses == [0.1, 0.2, 0.4, 0.8]
    assert patience.silent == pytest.approx(1.5)  # nothing was stored


def test_whoever_asked_is_told_after_five_attempts(time: Time, patience: Patience) -> None:
    with pytest.raises(MlflowException):
        patience.read(failing(5, AWAY))
    assert len(time.pauses) == 4


def test_what_is_stored_renews_the_patience(patience: Patience) -> None:
    assert patience.write(failing(3, AWAY)) == "answer"
    assert patience.silent == 0.0


def test_attempts_end_with_the_patience(time: Time, patience: Patience) -> None:
    call = failing(9, AWAY, after=16.0, time=time)
    with pytest.raises(MlflowException):
        patience.write(call)
    assert not patience.left
    assert time.pauses == [0.1]  # the second attempt used up the rest


@pytest.mark.parametrize(
    "error",
    [MlflowException("no", PERMISSION_DENIED), FileNotFoundError("gone"), TrackingError("refused")],
)
def test_what_cannot_pass_is_not_repeated(error: Exception, time: Time, patience: Patience) -> None:
    with pytest.raises(type(error)):
        patience.write(failing(1, error))
    assert time.pauses == []


def test_without_patience_nothing_is_repeated(time: Time) -> None:
    with pytest.raises(MlflowException):
        Patience(0.0, time.sleep, time).write(failing(1, AWAY))
    assert time.pauses == []


def test_time_that_this_process_needs_itself_does_not_count(time: Time, patience: Patience) -> None:
    def slow() -> str:
        time.now += 1000.0  # an answer that came, however late this process noticed
        return "answer"

    assert patience.read(slow) == "answer"
    time.now += 1000.0
    assert patience.silent == 0.0


@pytest.mark.parametrize("created", [True, False], ids=["created", "not created"])
def test_what_may_have_been_created_is_looked_for(created: bool, patience: Patience) -> None:
    calls: list[str] = []

    def create() -> str:
        calls.append("create")
        if calls == ["create"]:
            raise AWAY
        return "new"

    def find() -> str | None:
        calls.append("find")
        return "found" if created else None

    assert patience.create(create, find) == ("found" if created else "new")
    assert calls == ["create", "find"] if created else ["create", "find", "create"]


class Busy(http.server.BaseHTTPRequestHandler):
    """Asks for patience a number of times, then answers."""

    left: ClassVar[int] = 0
    status: ClassVar[int] = 503

    def do_POST(self) -> None:
        cls = type(self)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"{}"
        self.send_response(cls.status if cls.left else 200)
        if cls.left:
            cls.left -= 1
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def busy() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_is_left_alone_for_as_long_as_it_asks(
    status: int, busy: str, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Busy, "status", status)
    monkeypatch.setattr(Busy, "left", 2)
    patience = Patience(30.0, time.sleep)
    patience.read(store.open_client, busy)
    assert time.pauses == [7.0, 7.0]
    monkeypatch.setattr(Busy, "left", 1000)
    with pytest.raises(TrackerAwayError):
        patience.read(store.open_client, busy)
    assert sum(time.pauses) == pytest.approx(30.0, abs=1.0)  # no longer than the patience
