"""Publish in a separate process, while this one trains and compares.

Importing MLflow and opening its database takes seconds, and a server some 60 ms for each call; only
the publishing process waits for it. Requests are handled in order. A record counts as unpublished
until the process confirms it, even if the process dies.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

from experiments.config.schema import Tracking
from experiments.errors import RecordError
from experiments.runs.record import Record
from experiments.tracking.address import resolve_uri, sqlite_file
from experiments.tracking.importing import complete_mlflow, prepare_mlflow
from experiments.tracking.publisher import Publisher
from experiments.tracking.views import View

T = TypeVar("T")

_TOGETHER: Final = 20  # runs published in one request; more would be hardly faster
_BEHIND: Final = 4  # open requests, about half a second of work
_POLL: Final = 0.1  # seconds between checks for answers
_BETWEEN_PROGRESS: Final = 10.0  # seconds


class Process(Protocol):
    """A process that calls functions, one after another."""

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call a function in the process."""

    def end(self) -> None:
        """End the process, even if it is busy."""


@dataclass(frozen=True)
class Destination:
    """The destination of published runs.

    Parameters
    ----------
    tracking : Tracking
        The settings of the tracker.
    experiment_name : str
        The name of the experiment.
    """

    tracking: Tracking
    experiment_name: str


@dataclass
class Published:
    """The result of publishing.

    Parameters
    ----------
    unpublished : int
        The number of records that are not published.
    where : list of str
        The lines that tell people how to open the MLflow UI.
    """

    unpublished: int
    where: list[str]


@dataclass
class _Answer:
    """The answer of the process to a request, which it has completed or postponed.

    Parameters
    ----------
    warnings : list of str
        The warnings since the last answer.
    published : list of Path
        The folders of records published since the last answer.
    waiting : int
        The number of postponed tasks.
    done : int
        The number of tasks completed so far.
    hopeless : bool, default False
        Whether the patience with the trackers of all postponed tasks has ended.
    """

    warnings: list[str]
    published: list[Path]
    waiting: int
    done: int
    hopeless: bool = False


class PublishingProcess:
    """Publishes records in another process, in the order of the requests.

    Parameters
    ----------
    process : Process
        The other process, which this object owns and ends.
    warn : callable
        A function that shows a warning to people; it is called in this process.
    """

    def __init__(self, process: Process, warn: Callable[[str], None]) -> None:
        self._process = process
        self._warn = warn
        self._asked: deque[Future[_Answer]] = deque()
        self._opened: set[Destination] = set()
        self._opening: Future[_Answer] | None = None
        self._server_works = False  # whether a server does the work
        self._gathered: list[tuple[Destination, Path]] = []  # for the next request
        self._unpublished: set[Path] = set()
        self._waiting = 0
        self._done = 0
        self._hopeless = False
        self._warned = False  # of the current outage
        self._broken = False
        self._next_progress = time.monotonic() + _BETWEEN_PROGRESS

    @property
    def unpublished(self) -> int:
        """The number of records that are not confirmed as published."""
        return len(self._unpublished)

    @property
    def needs_core(self) -> bool:
        """Whether the process needs a core for the next half second.

        It does while it opens a database or if it has fallen behind, but not while it waits for a
        server, or for a database that cannot be written.
        """
        if self._broken or self._waiting or self._server_works:
            return False
        opens = self._opening is not None and not self._opening.done()
        return opens or len(self._asked) > _BEHIND

    def open(self, destination: Destination) -> None:
        """Connect to a tracker in the process, which takes seconds the first time.

        Raises
        ------
        TrackingError
            If the address cannot store runs; this is checked immediately.
        """
        if destination in self._opened:
            return
        self._server_works |= sqlite_file(resolve_uri(destination.tracking.uri)) is None
        self._opening = self._ask(_open, destination)
        self._opened.add(destination)

    def publish(self, destination: Destination, folder: Path) -> None:
        """Publish the record in a folder, with others that end until the process is idle."""
        self._unpublished.add(folder)
        self._gathered.append((destination, folder))
        if len(self._gathered) >= _TOGETHER:
            self._pass_on()

    def _pass_on(self) -> None:
        """Request that the gathered records be published."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._ask(_publish, gathered)

    def publish_progress(self, running: Callable[[], Iterable[tuple[Destination, Path]]]) -> None:
        """Publish the progress of runs, if the last time is a while ago and nothing else waits.

        Parameters
        ----------
        running : callable
            A function that returns the destinations and folders of the runs in training.
        """
        self.poll()
        if time.monotonic() >= self._next_progress and not self._asked:
            self._next_progress = time.monotonic() + _BETWEEN_PROGRESS
            self._ask(_publish_progress, list(running()))

    def publish_models(
        self, destination: Destination, folders: Sequence[Path], *, trusted: frozenset[str]
    ) -> None:
        """Publish the learning curves and models of those runs that the settings select.

        Parameters
        ----------
        destination : Destination
            The destination of the runs.
        folders : sequence of Path
            The folders of the records.
        trusted : frozenset of str
            The packages, besides this project's, that may be imported for the models.
        """
        self._ask(_publish_models, destination, list(folders), trusted)

    def publish_comparison(
        self,
        destination: Destination,
        sweep: str,
        files: Sequence[Path],
        note: str,
        view: View | None = None,
    ) -> None:
        """Publish the comparison of a sweep as a separate run.

        Parameters
        ----------
        destination : Destination
            The destination of the sweep's runs.
        sweep : str
            The id of the sweep.
        files : sequence of Path
            The tables and pictures to log.
        note : str
            The comparison as Markdown.
        view : View, optional
            The view of the page of the sweep's runs.
        """
        self._ask(_publish_comparison, destination, sweep, list(files), note, view)

    def poll(self) -> None:
        """Process the answers so far, show their warnings, and keep the process busy."""
        while self._asked and self._asked[0].done():
            self._hear(self._asked.popleft())
        if not self._asked:
            self._pass_on()

    def finish(
        self,
        destination: Destination,
        sweep: str | None = None,
        on_wait: Callable[[int], None] = lambda unpublished: None,
    ) -> Published:
        """Wait until all requests are done, or the tracker has not answered for too long.

        Only what the process waits for the tracker counts, not what it needs itself.

        Parameters
        ----------
        destination : Destination
            The destination whose page to show, and whose patience applies.
        sweep : str, optional
            The sweep whose runs to show; by default the run that was published last.
        on_wait : callable, optional
            A function that is called several times per second with the number of records left.

        Returns
        -------
        Published
            The number of unpublished records, and how to open the UI.
        """
        anew = False
        self._pass_on()
        while (self._asked or self._waiting) and not self._broken:
            if not self._asked:
                self._ask(_work if anew else _try_anew)
                anew = True
            wait(list(self._asked)[:1], timeout=_POLL)
            self.poll()
            on_wait(self.unpublished)
            if anew and not self._asked and self._waiting and self._hopeless:
                if not self._warned:
                    patience = destination.tracking.patience
                    self._warn(f"the tracker has not answered for {patience:g} s")
                return Published(self.unpublished, [])
        if self._broken:
            return Published(self.unpublished, [])
        try:
            asked = self._process.submit(_where, destination, sweep)
            return Published(self.unpublished, asked.result())
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)
            return Published(self.unpublished, [])

    def _ask(self, action: Callable[..., None], *arguments: Any) -> Future[_Answer] | None:
        self._pass_on()  # keep the order of requests
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
        self._hopeless = answer.hopeless
        for warning in answer.warnings:
            self._warn(warning)

    def _report_broken(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            self._warn(f"publishing stopped: {type(error).__name__}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()


# The functions below run in the publishing process.

_publishers: dict[Destination, Publisher] = {}
_warnings: list[str] = []


def _do(action: Callable[..., None], arguments: Sequence[Any]) -> _Answer:
    """Handle a request, and retry postponed tasks that are due."""
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
        all(publisher.is_hopeless for publisher in _publishers.values() if publisher.waiting),
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
        with suppress(RecordError):  # the run may have ended since
            _publisher(destination).publish_progress(Record.read_progress(folder))


def _publish_models(
    destination: Destination, folders: Sequence[Path], trusted: frozenset[str]
) -> None:
    if trusted:
        complete_mlflow()
    records = [Record.read(folder) for folder in folders]
    _publisher(destination).publish_models(records, trusted=trusted)


def _publish_comparison(
    destination: Destination, sweep: str, files: Sequence[Path], note: str, view: View | None
) -> None:
    _publisher(destination).publish_comparison(sweep, files, note, view)


def _try_anew() -> None:
    """Give every tracker all of its patience."""
    for publisher in _publishers.values():
        publisher.try_anew()


def _work() -> None:
    """Wait until a postponed task is due, but at most a second."""
    waits = [publisher.next_try for publisher in _publishers.values() if publisher.waiting]
    time.sleep(min([1.0, *waits]))


def _where(destination: Destination, sweep: str | None) -> list[str]:
    return _publisher(destination).where(sweep)
