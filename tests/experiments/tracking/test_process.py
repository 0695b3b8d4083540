"""What the launcher knows of the process that publishes."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from experiments.config.schema import Tracking
from experiments.errors import TrackingError
from experiments.tracking import process
from experiments.tracking.process import Destination, PublishingProcess

FILE = Destination(Tracking(uri="sqlite:///runs.db"), "x")
SERVER = Destination(Tracking(uri="http://127.0.0.1:9"), "x")


@dataclass
class Call:
    """What the process was asked for, and its answer when a test gives it."""

    action: str
    arguments: tuple[Any, ...]
    future: Future[Any]

    @property
    def folders(self) -> list[Path]:
        """What is to be published."""
        return [folder for _, folder in self.arguments[0]] if self.action == "_publish" else []

    def answer(self) -> None:
        self.future.set_result(process._Answer([], self.folders, 0, len(self.folders)))


class FakeProcess:
    """Notes what it is asked for."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls

    def submit(self, do: object, *arguments: Any) -> Future[Any]:
        if do is process._where:
            raise BrokenPipeError
        assert do is process._do
        action, given = arguments
        self.calls.append(Call(action.__name__, given, Future()))
        return self.calls[-1].future

    def end(self) -> None:
        raise AssertionError("nobody leaves it")


@pytest.fixture
def asked() -> list[Call]:
    """All that the process was asked for."""
    return []


FOLDERS = [Path(str(number)) for number in range(100)]


def fall_behind(publishing: PublishingProcess, destination: Destination) -> None:
    for folder in FOLDERS:
        publishing.publish(destination, folder)


def test_it_needs_a_core_while_it_opens_a_database_and_when_it_is_behind(
    asked: list[Call],
) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    assert not publishing.needs_core
    publishing.open(FILE)
    assert publishing.needs_core
    asked[0].answer()
    publishing.poll()
    assert not publishing.needs_core
    fall_behind(publishing, FILE)
    needed = {}
    while publishing.unpublished:
        needed[publishing.unpublished] = publishing.needs_core
        next(call for call in asked if not call.future.done()).answer()
        publishing.poll()
    assert needed == {left: left > 80 for left in needed}
    assert set(needed.values()) == {True, False}


def test_it_needs_none_for_what_is_not_tried_again(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    publishing.open(FILE)
    fall_behind(publishing, FILE)
    while not all(call.future.done() for call in asked):
        for call in asked:
            if not call.future.done():
                call.future.set_result(process._Answer([], [], waiting=0, done=0))  # refused
        publishing.poll()
    assert publishing.unpublished == len(FOLDERS)
    assert not publishing.needs_core
    publishing.open(FILE)  # as each batch of a sweep does
    assert not publishing.needs_core


def test_what_ends_while_it_is_busy_is_published_together(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    publishing.open(FILE)
    for folder in FOLDERS[:23]:
        publishing.publish(FILE, folder)
    publishing.poll()  # which somebody does several times a second
    assert [call.folders for call in asked[1:]] == [FOLDERS[:20]]
    assert publishing.unpublished == 23
    for call in asked[:2]:
        call.answer()
    publishing.poll()
    assert asked[-1].folders == FOLDERS[20:23]


@pytest.mark.parametrize(
    "next_call",
    [
        lambda publishing: publishing.publish_models(FILE, FOLDERS[:2], trusted=frozenset()),
        lambda publishing: publishing.publish_comparison(FILE, "id", [], ""),
        lambda publishing: publishing.open(SERVER),
    ],
)
def test_everything_is_asked_for_in_its_order(
    next_call: Callable[[PublishingProcess], None], asked: list[Call]
) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    for folder in FOLDERS[:3]:
        publishing.publish(FILE, folder)
    next_call(publishing)
    assert [call.folders for call in asked] == [FOLDERS[:3], []]


def test_the_end_waits_for_what_was_gathered(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), lambda _: None)
    for folder in FOLDERS[:3]:
        publishing.publish(FILE, folder)
    left: list[int] = []

    def answer_one(unpublished: int) -> None:
        left.append(unpublished)
        if unpublished:
            next(call for call in asked if not call.future.done()).answer()

    published = publishing.finish(FILE, on_wait=answer_one)
    assert left[0] == 3
    assert (left[-1], published.unpublished) == (0, 0)


def fail(call: Call) -> None:
    call.future.set_exception(BrokenPipeError())


def put_off(call: Call) -> None:
    call.future.set_result(process._Answer([], [], waiting=1, done=0))


@pytest.mark.parametrize("end", [fail, put_off])
def test_it_needs_none_when_it_has_died_or_must_wait(
    end: Callable[[Call], None], asked: list[Call]
) -> None:
    publishing = PublishingProcess(FakeProcess(asked), lambda _: None)
    publishing.open(FILE)
    fall_behind(publishing, FILE)
    asked[0].answer()
    publishing.poll()
    assert publishing.needs_core
    end(asked[1])
    publishing.poll()
    assert not publishing.needs_core


def hopeless(call: Call) -> None:
    call.future.set_result(process._Answer([], [], waiting=1, done=0, hopeless=True))


def test_the_end_waits_as_long_as_the_process_has_patience(asked: list[Call]) -> None:
    """However long that takes: only the process knows whether it waits for the tracker."""
    warnings: list[str] = []
    publishing = PublishingProcess(FakeProcess(asked), warnings.append)
    publishing.publish(FILE, FOLDERS[0])
    rounds = 0

    def answer_one(unpublished: int) -> None:
        nonlocal rounds
        rounds += 1
        for call in asked:
            if not call.future.done():
                (put_off if rounds < 5 else hopeless)(call)

    published = publishing.finish(FILE, on_wait=answer_one)
    assert [call.action for call in asked][:3] == ["_publish", "_try_anew", "_work"]
    assert rounds >= 5
    assert published.unpublished == 1
    assert warnings == ["the tracker has not answered for 30 s"]


def test_an_outage_before_the_end_takes_nothing_of_the_patience(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), lambda _: None)
    publishing.publish(FILE, FOLDERS[0])
    publishing.poll()
    hopeless(asked[0])
    left: list[int] = []

    def come_back(unpublished: int) -> None:
        left.append(unpublished)
        for call in asked:
            if not call.future.done():
                call.future.set_result(process._Answer([], FOLDERS[:1], waiting=0, done=1))

    assert publishing.finish(FILE, on_wait=come_back).unpublished == 0
    assert asked[1].action == "_try_anew"


def test_it_needs_none_where_a_server_has_the_work(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    publishing.open(SERVER)
    assert asked
    assert not publishing.needs_core
    fall_behind(publishing, SERVER)
    assert not publishing.needs_core


def test_an_address_that_keeps_nothing_is_refused_at_once(asked: list[Call]) -> None:
    publishing = PublishingProcess(FakeProcess(asked), pytest.fail)
    with pytest.raises(TrackingError, match="ftp://x"):
        publishing.open(Destination(Tracking(uri="ftp://x"), "x"))
    assert not asked
