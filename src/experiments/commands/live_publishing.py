"""Publishing runs while they train, and reporting at the end what is published."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from rich.console import Console

from experiments.commands.startup import publishing_process
from experiments.files.masking import mask_secrets, masked
from experiments.files.paths import shown
from experiments.program import to_type
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.tracking.address import default_uri, resolve_uri
from experiments.tracking.process import Destination, PublishingProcess
from experiments.tracking.runs import choose_models
from experiments.tracking.summaries import Summary
from experiments.tracking.views import View
from experiments.training.status import Status

_SILENCE: Final = 2.0  # seconds of waiting for the tracker before the user is informed


class LivePublishing:
    """Publishes the tracked runs of a command, in a separate process.

    The process starts with :meth:`start` or with the first run to publish.

    Parameters
    ----------
    warn : callable
        A function that shows a warning to the user.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._process: PublishingProcess | None = None

    def start(self) -> PublishingProcess:
        """Return the process, which is started if it is not running."""
        if self._process is None:
            self._process = PublishingProcess(publishing_process(), self._warn)
        return self._process

    @property
    def needs_core(self) -> bool:
        """Whether publishing has fallen behind and needs a core."""
        return self._process is not None and self._process.needs_core

    def open(self, jobs: Iterable[Job]) -> None:
        """Connect to the trackers of the jobs in the background, which takes seconds at first.

        Raises
        ------
        TrackingError
            If an address cannot be that of a tracker.
        """
        for destination in _destinations(jobs):
            self.start().open(destination)

    def publish(self, job: Job, record: Record) -> None:
        """Publish a run that has ended."""
        if job.run.tracking.enabled:
            self.start().publish(_destination(job), record.folder)

    def publish_progress(self, running: Callable[[], Iterable[Job]]) -> None:
        """Publish the progress of runs, unless that was done a short time ago."""
        if self._process is not None:
            self._process.publish_progress(
                lambda: [
                    (_destination(job), job.folder) for job in running() if job.run.tracking.enabled
                ]
            )

    def poll(self) -> None:
        """Collect results from the process, and show its warnings."""
        if self._process is not None:
            self._process.poll()

    def publish_models(
        self, jobs: Sequence[Job], records: Sequence[Record], *, trusted: frozenset[str]
    ) -> None:
        """Publish models and plots of learning curves, for the runs that the configuration selects.

        Parameters
        ----------
        jobs : sequence of Job
        records : sequence of Record
            The record of each job.
        trusted : frozenset of str
            Packages, besides this project's, that may be imported to load a model.
        """
        for destination in _destinations(jobs):
            own = [
                record
                for job, record in zip(jobs, records, strict=True)
                if _destination(job) == destination and record.status is not Status.INTERRUPTED
            ]
            # Drawn in this process, because the publishing process is the bottleneck.
            chosen = choose_models(own, destination.tracking.models)
            if chosen:
                # Imported here because matplotlib is slow to import.
                from experiments.reporting.report.everyday import write_learning_curves

                for record in chosen:
                    write_learning_curves(record)
            folders = [record.folder for record in chosen]
            self.start().publish_models(destination, folders, trusted=trusted)

    def publish_comparison(
        self,
        jobs: Sequence[Job],
        sweep: str,
        folder: Path,
        files: Sequence[Path],
        note: str,
        view: View,
    ) -> None:
        """Write the comparison of a sweep to its folder, for later publishing, and publish it.

        Parameters
        ----------
        jobs : sequence of Job
        sweep : str
            The sweep's id.
        folder : Path
            The sweep's folder.
        files : sequence of Path
            Tables and pictures in the folder.
        note : str
            The comparison as Markdown.
        view : View
            The view of the page of the sweep's runs.
        """
        experiments = list(dict.fromkeys(_destination(job).experiment_name for job in jobs))
        names = [str(file.relative_to(folder)) for file in files]
        Summary(folder, sweep, experiments, names, note, view).write()
        for destination in _destinations(jobs):
            self.start().publish_comparison(destination, sweep, files, note, view)

    def finish(
        self, jobs: Sequence[Job], folder: Path, console: Console, sweep: str | None = None
    ) -> int:
        """Wait until everything is published; print what is not, and links to the MLflow UI.

        Parameters
        ----------
        jobs : sequence of Job
        folder : Path
            The folder of all records.
        console : Console
        sweep : str, optional
            The id of the sweep to link to; by default the last run is linked.

        Returns
        -------
        int
            The number of runs that are not published although they should be, by
            `tracking.strict`.
        """
        destinations = _destinations(jobs)
        if not destinations:
            return 0
        destination = destinations[0]
        uri = resolve_uri(destination.tracking.uri)
        process = self.start()
        started, shown_already = time.monotonic(), False

        def show_waiting(left: int) -> None:
            nonlocal shown_already
            if not shown_already and time.monotonic() - started > _SILENCE:
                shown_already = True
                runs = f"; {_runs(left)} left" if left else ""
                console.print(
                    f"publishing: copying records to MLflow at {masked(uri)}{runs}. It may keep "
                    f"silent for {destination.tracking.patience:g} s (tracking.patience; Ctrl-C "
                    "postpones it)",
                    soft_wrap=True,
                )

        published = None
        try:
            published = process.finish(destination, sweep, show_waiting)
        finally:
            if process.unpublished:
                console.print(
                    f"{_runs(process.unpublished)} not published yet; publish with",
                    *_command(folder, destinations),
                    sep="\n  ",
                    soft_wrap=True,
                )
        if published.where:
            console.print("Open in the MLflow UI:", *published.where, sep="\n  ", soft_wrap=True)
        return published.unpublished if any(d.tracking.strict for d in destinations) else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.__exit__()


def _command(folder: Path, destinations: Sequence[Destination]) -> list[str]:
    """Return the lines that say how to publish the runs in a folder to the same addresses."""
    command = f"{to_type('publish')} {shlex.quote(shown(folder))}"
    asked = {destination.tracking.uri for destination in destinations}
    if len(asked) > 1:  # each record names its own
        return [command]
    (uri_asked,) = asked
    uri = resolve_uri(uri_asked)
    if masked(uri) != uri:
        return [command, "(after setting MLFLOW_TRACKING_URI to the address with its password)"]
    default = uri_asked is None and uri == resolve_uri(default_uri())
    return [command if default else f"{command} --uri {shlex.quote(uri)}"]


def _destination(job: Job) -> Destination:
    return Destination(job.run.tracking, mask_secrets(job.run.experiment_name))


def _destinations(jobs: Iterable[Job]) -> list[Destination]:
    """Return the distinct destinations of the tracked jobs."""
    destinations = dict.fromkeys(_destination(job) for job in jobs)
    return [destination for destination in destinations if destination.tracking.enabled]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
