"""Publishing the runs of a command while it trains, and saying what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console

from experiments.commands.console import shown
from experiments.commands.startup import publishing_process
from experiments.program import program
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.tracking.process import Destination, PublishingProcess
from experiments.tracking.runs import choose_models
from experiments.tracking.summaries import Summary
from experiments.training.status import Status

_SILENCE: Final = 2.0  # seconds of waiting for the tracker before it is said


class Publishing:
    """Publishes those runs of a command that are to be tracked, in a process of its own.

    The process starts with the first of them, or when it is asked to.

    Parameters
    ----------
    warn : callable
        Shows a warning to people.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._process: PublishingProcess | None = None

    def start(self) -> PublishingProcess:
        """Start the process if it does not run, and return it."""
        if self._process is None:
            self._process = PublishingProcess(publishing_process(), self._warn)
        return self._process

    @property
    def needs_core(self) -> bool:
        """Whether publishing has fallen behind for want of a core."""
        return self._process is not None and self._process.needs_core

    def open(self, jobs: Iterable[Job]) -> None:
        """Reach the trackers of some jobs, which takes seconds at first.

        Raises
        ------
        TrackingError
            At once, for an address that cannot keep runs.
        """
        for destination in _destinations(jobs):
            self.start().open(destination)

    def publish(self, job: Job, record: Record) -> None:
        """Publish a run that has ended."""
        if job.run.tracking.enabled:
            self.start().publish(_destination(job), record.folder)

    def publish_progress(self, running: Callable[[], Iterable[Job]]) -> None:
        """Publish how far runs are, if that was last done some time ago."""
        if self._process is not None:
            self._process.publish_progress(
                lambda: [
                    (_destination(job), job.folder) for job in running() if job.run.tracking.enabled
                ]
            )

    def poll(self) -> None:
        """Take note of what has been published, and show the warnings that came up."""
        if self._process is not None:
            self._process.poll()

    def publish_models(
        self, jobs: Sequence[Job], records: Sequence[Record], *, trusted: frozenset[str]
    ) -> None:
        """Publish models, and pictures of learning curves, of those runs that get them.

        Packages that are `trusted` besides this project's may be imported for it.
        """
        for destination in _destinations(jobs):
            own = [
                record
                for job, record in zip(jobs, records, strict=True)
                if _destination(job) == destination and record.status is not Status.INTERRUPTED
            ]
            # Drawn here, because the process that publishes has more than enough to do.
            chosen = choose_models(own, destination.tracking.models)
            if chosen:
                # matplotlib takes a while to import.
                from experiments.reporting.report.everyday import write_learning_curves

                for record in chosen:
                    write_learning_curves(record)
            folders = [record.folder for record in own]
            self.start().publish_models(destination, folders, trusted=trusted)

    def publish_comparison(
        self, jobs: Sequence[Job], sweep: str, folder: Path, files: Sequence[Path], note: str
    ) -> None:
        """Keep the comparison of a sweep for publishing at any time, and publish it.

        Parameters
        ----------
        jobs : sequence of Job
        sweep : str
            The sweep's id.
        folder : Path
            The sweep's.
        files : sequence of Path
            Tables and pictures in the folder.
        note : str
            The comparison as Markdown.
        """
        experiments = list(dict.fromkeys(job.run.experiment_name for job in jobs))
        names = [str(file.relative_to(folder)) for file in files]
        Summary(folder, sweep, experiments, names, note).write()
        for destination in _destinations(jobs):
            self.start().publish_comparison(destination, sweep, files, note)

    def finish(
        self, jobs: Sequence[Job], folder: Path, console: Console, sweep: str | None = None
    ) -> None:
        """Wait until all is published; say what is not and how to do it, and where to look.

        Parameters
        ----------
        jobs : sequence of Job
        folder : Path
            Where all records are.
        console : Console
        sweep : str, optional
            Id of the sweep to look at; by default the last run is shown.
        """
        destination = next(iter(_destinations(jobs)), None)
        if destination is None:
            return
        process = self.start()
        started, said = time.monotonic(), False

        def say(left: int) -> None:
            nonlocal said
            if not said and time.monotonic() - started > _SILENCE:
                said = True
                what = f"publishing: {_runs(left)} left" if left else "publishing"
                console.print(f"{what} (Ctrl-C leaves it for later)", soft_wrap=True)

        published = None
        try:
            published = process.finish(destination, sweep, say)
        finally:
            if process.unpublished:
                console.print(
                    f"{_runs(process.unpublished)} not published yet; publish with\n"
                    f"  {program('publish')} {shown(folder)}",
                    soft_wrap=True,
                )
        if published.where:
            console.print("Open in the MLflow UI:", *published.where, sep="\n  ", soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.__exit__(kind, error, trace)


def _destination(job: Job) -> Destination:
    return Destination(job.run.tracking, job.run.experiment_name)


def _destinations(jobs: Iterable[Job]) -> list[Destination]:
    """Return where the jobs that are tracked are published, each once."""
    found = dict.fromkeys(_destination(job) for job in jobs)
    return [destination for destination in found if destination.tracking.enabled]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
