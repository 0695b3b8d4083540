"""Publishing in a process of its own, beside training and comparing.

Importing MLflow and opening its database takes seconds, and a run some 30 ms: work of one core
that nothing else needs to wait for. What is asked for is done in order. What the process has not
confirmed counts as unpublished, whatever became of the process.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from experiments.config.schema import Tracking
from experiments.errors import RecordError
from experiments.runs.record import Record
from experiments.tracking.importing import complete_mlflow, prepare_mlflow
from experiments.tracking.publisher import Publisher
from experiments.tracking.store import resolve_uri, sqlite_file

T = TypeVar("T")

_TOGETHER: Final = 5  # runs that are published at once; more would be little faster
_BEHIND: Final = 4  # so often asked for so many: half a second's work
_POLL: Final = 0.1  # seconds between looks whether something is done
_BETWEEN_PROGRESS: Final = 10.0  # seconds


class Process(Protocol):
    """A process that does what it is given, one thing after another."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Have a function called in the process."""

    def end(self) -> None:
        """End the process, whatever it does."""


@dataclass(frozen=True)
class Destination:
    """Where a run is published.

    Parameters
    ----------
    tracking : Tracking
    experiment_name : str
    """

    tracking: Tracking
    experiment_name: str


@dataclass
class Published:
    """What came of publishing.

    Parameters
    ----------
    unpublished : int
        How many records are not published.
    where : list of str
        The lines that open the MLflow UI.
    """

    unpublished: int
    where: list[str]


@dataclass
class _Answer:
    """What the process says when it has done what it was asked for, or has put it off.

    Parameters
    ----------
    warnings : list of str
        That have come up since the last answer.
    published : list of Path
        Records that have been published since then.
    waiting : int
        How much it has put off.
    done : int
        How much it has published in all.
    """

    warnings: list[str]
    published: list[Path]
    waiting: int
    done: int


class PublishingProcess:
    """Publishes records in another process, in the order in which it is asked to.

    Parameters
    ----------
    process : Process
        The other process, which is this object's from now on: it ends with it.
    warn : callable
        Shows a warning to people; called in this process.
    """

    def __init__(self, process: Process, warn: Callable[[str], None]) -> None:
        self._process = process
        self._warn = warn
        self._asked: deque[Future[_Answer]] = deque()
        self._opened: set[Destination] = set()
        self._opening: Future[_Answer] | None = None
        self._server_works = False  # on what is published; else this process does
        self._gathered: list[tuple[Destination, Path]] = []  # to be published together
        self._unpublished: set[Path] = set()
        self._waiting = 0
        self._done = 0
        self._warned = False  # of the outage that lasts, if one does
        self._broken = False
        self._next_progress = time.monotonic() + _BETWEEN_PROGRESS

    @property
    def unpublished(self) -> int:
        """How many records are not known to be published."""
        return len(self._unpublished)

    @property
    def needs_core(self) -> bool:
        """Whether it has work for the next half second if nobody takes its core away.

        It has while it opens a database and when it has fallen behind, but not where it waits
        for a server, or for a database that cannot be written.
        """
        if self._broken or self._waiting or self._server_works:
            return False
        opens = self._opening is not None and not self._opening.done()
        return opens or len(self._asked) > _BEHIND

    def open(self, destination: Destination) -> None:
        """Reach a tracker, which takes seconds at first.

        Raises
        ------
        TrackingError
            At once, for an address that cannot keep runs.
        """
        if destination in self._opened:
            return
        self._server_works |= sqlite_file(resolve_uri(destination.tracking.uri)) is None
        self._opening = self._ask(_open, destination)
        self._opened.add(destination)

    def publish(self, destination: Destination, folder: Path) -> None:
        """Publish the record in a folder: at once, or with others while the process is busy."""
        self._unpublished.add(folder)
        self._gathered.append((destination, folder))
        busy = self._asked and not self._asked[-1].done()
        if not busy or len(self._gathered) >= _TOGETHER:
            self._pass_on()

    def _pass_on(self) -> None:
        """Have published what was gathered."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._ask(_publish, gathered)

    def publish_progress(self, running: Callable[[], Iterable[tuple[Destination, Path]]]) -> None:
        """Publish how far runs are, if it was last done some time ago and nothing else waits.

        Parameters
        ----------
        running : callable
            Gives where runs that train are published, and their folders.
        """
        self.poll()
        if time.monotonic() >= self._next_progress and not self._asked:
            self._next_progress = time.monotonic() + _BETWEEN_PROGRESS
            self._ask(_publish_progress, list(running()))

    def publish_models(
        self, destination: Destination, folders: Sequence[Path], *, trusted: frozenset[str]
    ) -> None:
        """Publish learning curves and models of those runs that get them.

        Packages that are `trusted` besides this project's may be imported for it.
        """
        self._ask(_publish_models, destination, list(folders), trusted)

    def publish_comparison(
        self, destination: Destination, sweep: str, files: Sequence[Path], note: str
    ) -> None:
        """Publish a sweep's comparison as a run of its own."""
        self._ask(_publish_comparison, destination, sweep, list(files), note)

    def poll(self) -> None:
        """Hear what has been done so far, and show the warnings that came up."""
        self._pass_on()
        while self._asked and self._asked[0].done():
            self._hear(self._asked.popleft())

    def finish(
        self,
        destination: Destination,
        sweep: str | None = None,
        on_wait: Callable[[int], None] = lambda unpublished: None,
    ) -> Published:
        """Wait until all is done that was asked for, or nothing has got through for too long.

        Parameters
        ----------
        destination : Destination
            Whose page to open, and whose patience counts.
        sweep : str, optional
            Whose runs to show there; by default the run that was published last.
        on_wait : callable, optional
            Told several times a second how many records are left.
        """
        self._pass_on()
        patience = destination.tracking.patience
        done, since = self._done, time.monotonic()
        while (self._asked or self._waiting) and not self._broken:
            if not self._asked:
                self._ask(_work)
            wait(list(self._asked)[:1], timeout=_POLL)
            self.poll()
            on_wait(self.unpublished)
            if self._done > done:
                done, since = self._done, time.monotonic()
            elif time.monotonic() - since > patience:
                if not self._warned:
                    self._warn(f"the tracker has not answered for {patience:g} s")
                return Published(self.unpublished, [])
        if self._broken:
            return Published(self.unpublished, [])
        try:
            asked = self._process.submit(_where, destination, sweep)
            return Published(self.unpublished, asked.result(timeout=patience))
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)
            return Published(self.unpublished, [])

    def _ask(self, action: Callable[..., None], *arguments: Any) -> Future[_Answer] | None:
        self._pass_on()  # everything in its order
        if self._broken:
            return None
        try:
            asked = self._process.submit(_do, action, arguments)
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)
            return None
        self._asked.append(asked)
        return asked

    def _hear(self, future: Future[_Answer]) -> None:
        try:
            answer = future.result()
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)
            return
        self._unpublished.difference_update(answer.published)
        self._warned = bool(answer.warnings) or (self._warned and self._done == answer.done)
        self._waiting, self._done = answer.waiting, answer.done
        for warning in answer.warnings:
            self._warn(warning)

    def _report_broken(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            self._warn(f"publishing stopped: {type(error).__name__}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.end()


# What follows runs in the process.

_publishers: dict[Destination, Publisher] = {}
_warnings: list[str] = []


def _do(action: Callable[..., None], arguments: Sequence[Any]) -> _Answer:
    """Do what is asked for, or what was put off and is due."""
    action(*arguments)
    for publisher in _publishers.values():
        publisher.work()
    published = [folder for publisher in _publishers.values() for folder in publisher.published]
    for publisher in _publishers.values():
        publisher.published.clear()
    said = list(_warnings)
    _warnings.clear()
    return _Answer(
        said,
        published,
        sum(publisher.waiting for publisher in _publishers.values()),
        sum(publisher.done for publisher in _publishers.values()),
    )


def _publisher(destination: Destination) -> Publisher:
    if destination not in _publishers:
        _publishers[destination] = Publisher(
            destination.tracking, destination.experiment_name, _warnings.append
        )
    return _publishers[destination]


def _open(destination: Destination) -> None:
    prepare_mlflow(slim=True)
    _publisher(destination).open()


def _publish(ended: Sequence[tuple[Destination, Path]]) -> None:
    records: dict[Destination, list[Record]] = {}
    for destination, folder in ended:
        try:
            records.setdefault(destination, []).append(Record.read(folder))
        except RecordError as error:
            _warnings.append(str(error))
    for destination, found in records.items():
        if found:
            _publisher(destination).publish(*found)


def _publish_progress(running: Sequence[tuple[Destination, Path]]) -> None:
    for destination, folder in running:
        with suppress(RecordError):  # it may have ended meanwhile
            _publisher(destination).publish_progress(Record.read_progress(folder))


def _publish_models(
    destination: Destination, folders: Sequence[Path], trusted: frozenset[str]
) -> None:
    if trusted:
        complete_mlflow()
    records = [Record.read(folder) for folder in folders]
    _publisher(destination).publish_models(records, trusted=trusted)


def _publish_comparison(
    destination: Destination, sweep: str, files: Sequence[Path], note: str
) -> None:
    _publisher(destination).publish_comparison(sweep, files, note)


def _work() -> None:
    """Wait until something that was put off is due, but not for long."""
    waits = [publisher.next_try for publisher in _publishers.values() if publisher.waiting]
    time.sleep(min([1.0, *waits]))


def _where(destination: Destination, sweep: str | None) -> list[str]:
    return _publisher(destination).where(sweep)
