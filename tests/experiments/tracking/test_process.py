"""What the launcher knows of the process that publishes."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from experiments.config import Tracking
from experiments.errors import TrackingError
from experiments.tracking import process
from experiments.tracking.process import Destination, PublishingProcess

FILE = Destination(Tracking(uri="sqlite:///runs.db"), "x")
SERVER = Destination(Tracking(uri="http://127.0.0.1:9"), "x")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Future[Any]]:
    """What the process was asked for; it answers when a test says so."""
    futures: list[Future[Any]] = []

    def submit(*_: object) -> Future[Any]:
        futures.append(Future())
        return futures[-1]

    monkeypatch.setattr(process, "publishing_pool", lambda: None)
    monkeypatch.setattr(process, "submit", submit)
    return futures


def answer(published: list[Path], waiting: int = 0) -> Any:
    return process._Answer([], published, waiting, done=len(published))


def fall_behind(publishing: PublishingProcess, destination: Destination) -> list[Path]:
    folders = [Path(str(number)) for number in range(100)]
    for folder in folders:
        publishing.publish(destination, folder)
    return folders


def test_it_needs_a_core_while_it_opens_a_database_and_when_it_is_behind(
    asked: list[Future[Any]],
) -> None:
    publishing = PublishingProcess(pytest.fail)
    assert not publishing.needs_core
    publishing.open(FILE)
    assert publishing.needs_core
    asked[0].set_result(answer([]))
    publishing.poll()
    assert not publishing.needs_core
    folders = fall_behind(publishing, FILE)
    needed = []
    for future, folder in zip(asked[1:], folders, strict=True):
        needed.append(publishing.needs_core)
        future.set_result(answer([folder]))
        publishing.poll()
    few = len(folders) - needed.index(False)
    assert needed == [True] * (len(folders) - few) + [False] * few
    assert 5 < few < 50


def fail(future: Future[Any]) -> None:
    future.set_exception(BrokenPipeError())


def put_off(future: Future[Any]) -> None:
    future.set_result(answer([], waiting=1))


@pytest.mark.parametrize("end", [fail, put_off])
def test_it_needs_none_when_it_has_died_or_must_wait(
    end: Callable[[Future[Any]], None], asked: list[Future[Any]]
) -> None:
    publishing = PublishingProcess(lambda _: None)
    publishing.open(FILE)
    fall_behind(publishing, FILE)
    asked[0].set_result(answer([]))
    publishing.poll()
    assert publishing.needs_core
    end(asked[1])
    publishing.poll()
    assert not publishing.needs_core


def test_it_needs_none_where_a_server_has_the_work(asked: list[Future[Any]]) -> None:
    publishing = PublishingProcess(pytest.fail)
    publishing.open(SERVER)
    assert asked
    assert not publishing.needs_core
    fall_behind(publishing, SERVER)
    assert not publishing.needs_core


def test_an_address_that_keeps_nothing_is_refused_at_once(asked: list[Future[Any]]) -> None:
    publishing = PublishingProcess(pytest.fail)
    with pytest.raises(TrackingError, match="ftp://x"):
        publishing.open(Destination(Tracking(uri="ftp://x"), "x"))
    assert not asked
