"""Publishing in a process of its own, beside training and comparing.

Importing MLflow and opening its database takes seconds, and a run some 30 ms: work of one core
that nothing else needs to wait for. What is asked for is done in order.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from experiments.child_processes import interrupts_held, serve_parent
from experiments.config import Tracking
from experiments.records import Record
from experiments.tracking.publisher import Publisher
from experiments.tracking.store import prepare_mlflow


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


class PublishingProcess:
    """Publishes records in another process, in the order in which it is asked to.

    Parameters
    ----------
    warn : callable
        Shows a warning to people; called in this process.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        self._warn = warn
        self._executor = ProcessPoolExecutor(max_workers=1, initializer=serve_parent)
        self._asked: deque[Future[list[str]]] = deque()
        self._broken = False

    def warm_up(self) -> None:
        """Start the process and have it import what it needs."""
        self._ask(_warm_up)

    def open(self, destination: Destination) -> None:
        """Reach a tracker, which takes seconds at first."""
        self._ask(_open, destination)

    def publish(self, destination: Destination, folder: Path) -> None:
        """Publish the record in a folder."""
        self._ask(_publish, destination, folder)

    def publish_models(self, destination: Destination, folders: Sequence[Path]) -> None:
        """Publish learning curves and models of those runs that get them."""
        self._ask(_publish_models, destination, list(folders))

    def publish_comparison(
        self, destination: Destination, sweep: str, files: Sequence[Path], note: str
    ) -> None:
        """Publish a sweep's comparison as a run of its own."""
        self._ask(_publish_comparison, destination, sweep, list(files), note)

    def finish(self, destination: Destination, sweep: str | None = None) -> Published:
        """Wait until all is done that was asked for.

        Parameters
        ----------
        destination : Destination
            Whose page to open.
        sweep : str, optional
            Whose runs to show there; by default the run that was published last.
        """
        while self._asked:
            self._settle(self._asked.popleft())
        try:
            published: Published = self._executor.submit(_report, destination, sweep).result()
            return published
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)
            return Published(-1, [])

    def poll(self) -> None:
        """Show the warnings that have come up so far."""
        while self._asked and self._asked[0].done():
            self._settle(self._asked.popleft())

    def _ask(self, action: Callable[..., list[str]], *arguments: Any) -> None:
        if self._broken:
            return
        try:
            with interrupts_held():
                self._asked.append(self._executor.submit(action, *arguments))
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)

    def _settle(self, future: Future[list[str]]) -> None:
        try:
            for warning in future.result():
                self._warn(warning)
        except Exception as error:  # noqa: BLE001 - a process that died, in whatever way
            self._report_broken(error)

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
        self._executor.shutdown(wait=False, kill_workers=True)


# What follows runs in the process.

_publishers: dict[Destination, Publisher] = {}
_warnings: list[str] = []


def _publisher(destination: Destination) -> Publisher:
    if destination not in _publishers:
        _publishers[destination] = Publisher(
            destination.tracking, destination.experiment_name, _warnings.append
        )
    return _publishers[destination]


def _said() -> list[str]:
    said = list(_warnings)
    _warnings.clear()
    return said


def _warm_up() -> list[str]:
    prepare_mlflow()
    importlib.import_module("mlflow")
    return []


def _open(destination: Destination) -> list[str]:
    _publisher(destination).open()
    return _said()


def _publish(destination: Destination, folder: Path) -> list[str]:
    _publisher(destination).publish(Record.read(folder))
    return _said()


def _publish_models(destination: Destination, folders: Sequence[Path]) -> list[str]:
    _publisher(destination).publish_models([Record.read(folder) for folder in folders])
    return _said()


def _publish_comparison(
    destination: Destination, sweep: str, files: Sequence[Path], note: str
) -> list[str]:
    _publisher(destination).publish_comparison(sweep, files, note)
    return _said()


def _report(destination: Destination, sweep: str | None) -> Published:
    unpublished = sum(len(publisher.unpublished) for publisher in _publishers.values())
    return Published(unpublished, _publisher(destination).where(sweep))
