"""Publish while runs train; a failing tracker delays publishing, but never harms a run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from experiments.config.schema import Tracking
from experiments.errors import RefusedError, TrackerAwayError, TrackingError, UserError
from experiments.runs.record import Record
from experiments.tracking.bulk import are_small
from experiments.tracking.patience import Patience
from experiments.tracking.runs import Tracker, choose_models, is_worth_publishing
from experiments.tracking.views import View

_FIRST_WAIT: Final = 1.0  # seconds after a failure; twice as long after each further one
_LONGEST_WAIT: Final = 60.0
MOST_FAILURES: Final = 10  # failed attempts at one task before the publisher gives up
_READY: Final = "(wait until it says that MLflow is ready; Ctrl-C ends it)"


@dataclass(frozen=True)
class _Task:
    """Something to publish.

    Parameters
    ----------
    action : callable
        The function that publishes with a tracker.
    folder : Path, optional
        The folder of the record, if the task publishes a run.
    pieces : sequence of _Task
        The parts of the task, which are done separately if the whole fails.
    """

    action: Callable[[Tracker], object]
    folder: Path | None = None
    pieces: Sequence[_Task] = ()


class Publisher:
    """Publishes in the order of the calls, and retries after failures with growing delays.

    It never blocks while it waits for a retry: its owner calls :meth:`work` from time to time.

    Parameters
    ----------
    settings : Tracking
        The settings of the tracker.
    experiment_name : str
        The name of the experiment.
    warn : callable
        A function that shows a warning to people: one for each outage and each refused record.
    clock : callable, optional
        A function that returns the time in seconds.

    Attributes
    ----------
    published : list of Path
        The folders of the records that have been published.
    done : int
        The number of completed tasks.
    """

    def __init__(
        self,
        settings: Tracking,
        experiment_name: str,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._experiment_name = experiment_name
        self._warn = warn
        self._clock = clock
        self._tasks: deque[_Task] = deque()
        self._failures = 0
        self._next_try = 0.0
        self._pause = 0.0  # before the next try
        self._given_up = False
        self._tracker: Tracker | None = None
        self._run_id: str | None = None
        self._summary_id: str | None = None
        self.published: list[Path] = []
        self.done = 0
        self._patience = Patience(settings.patience)

    @property
    def waiting(self) -> int:
        """The number of waiting tasks; 0 if the publisher has given up."""
        return 0 if self._given_up else len(self._tasks)

    @property
    def is_hopeless(self) -> bool:
        """Whether waiting for another attempt is pointless."""
        return not self._patience.left or self._failures >= MOST_FAILURES

    @property
    def next_try(self) -> float:
        """The seconds until the next try; 0 if it can be made now."""
        return max(0.0, self._next_try - self._clock())

    def try_anew(self) -> None:
        """Make the next try now, with all of the patience."""
        self._next_try = self._pause = 0.0
        self._failures = min(self._failures, 1)
        self._patience.silent = 0.0

    def open(self) -> None:
        """Connect to the tracker, which takes seconds the first time."""
        self._add(_Task(Tracker.open))

    def publish(self, *records: Record) -> None:
        """Publish runs that have ended, except those that measured nothing."""

        def together(tracker: Tracker) -> None:
            worth = [record for record in records if is_worth_publishing(record)]
            if worth:
                *_, self._run_id = tracker.publish_together(worth)

        def one(record: Record, tracker: Tracker) -> None:
            if is_worth_publishing(record):
                self._run_id = tracker.publish(record)

        pieces = [_Task(partial(one, record), record.folder) for record in records]
        if len(pieces) > 1 and are_small(records):
            pieces = [_Task(together, pieces=pieces)]
        for task in pieces:
            self._add(task)

    def publish_progress(self, record: Record) -> None:
        """Publish the progress of a run, unless other tasks wait; it is soon out of date."""
        if not self._tasks and not self.next_try:
            self._try(_Task(lambda tracker: tracker.publish_progress(record)))

    def publish_models(self, records: Sequence[Record], *, trusted: frozenset[str]) -> None:
        """Publish the learning curves and models of those runs that the settings select.

        Parameters
        ----------
        records : sequence of Record
            The runs to choose from.
        trusted : frozenset of str
            The packages, besides this project's, whose classes may be used to build the models.
        """

        def action(record: Record, tracker: Tracker) -> None:
            tracker.publish(record, model=True, trusted=trusted)

        for record in choose_models(records, self._settings.models):
            self._add(_Task(partial(action, record)))

    def publish_comparison(
        self,
        sweep: str,
        files: Sequence[Path],
        note: str,
        view: View | None = None,
        name: str = "comparison",
    ) -> None:
        """Publish the comparison of a sweep as a separate run.

        Parameters
        ----------
        sweep : str
            The id of the sweep.
        files : sequence of Path
            The tables and pictures to log.
        note : str
            The comparison as Markdown.
        view : View, optional
            The view of the page of the sweep's runs.
        name : str, default "comparison"
            The name of the run.
        """

        def action(tracker: Tracker) -> None:
            self._summary_id = tracker.publish_summary(
                sweep, files=files, note=note, name=name, view=view
            )

        self._add(_Task(action))

    def work(self, seconds: float = 1.0) -> None:
        """Publish waiting tasks for about `seconds`, unless the next try is not due yet."""
        end = self._clock() + seconds
        while self.waiting and not self.next_try and self._clock() <= end:
            left = self._try(self._tasks[0])
            self._tasks.popleft()
            self._tasks.extendleft(reversed(left))

    def where(self, sweep: str | None = None) -> list[str]:
        """Return lines that tell people how to open the MLflow UI; none if nothing was published.

        Parameters
        ----------
        sweep : str, optional
            The sweep whose runs and comparison to show; by default the last published run.

        Returns
        -------
        list of str
            A command, if the UI must be started, and the addresses of pages.
        """
        if self._tracker is None or self._given_up or self._failures or self._run_id is None:
            return []
        command = self._tracker.ui_command()
        lines = [] if command is None else [command, _READY]
        if sweep is None:
            return [*lines, f"the run: {self._tracker.ui_link(run_id=self._run_id)}"]
        lines.append(f"the sweep's runs: {self._tracker.ui_link(sweep)}")
        if self._summary_id is not None:
            lines.append(f"the comparison: {self._tracker.ui_link(run_id=self._summary_id)}")
        return lines

    def _add(self, task: _Task) -> None:
        if self._settings.enabled:
            self._tasks.append(task)
            self.work()

    def _try(self, task: _Task) -> Sequence[_Task]:
        """Try a task; return the tasks that remain to be done, if any."""
        self._patience.silent += self._pause
        self._pause = 0.0
        try:
            if self._tracker is None:
                self._tracker = Tracker(self._settings.uri, self._experiment_name, self._patience)
            task.action(self._tracker)
        except TrackerAwayError as error:
            self._failures += 1
            if self._failures == 1:
                self._warn(f"{error} Training continues; publishing will be retried.")
            self._pause = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
            if self._patience.left:  # a try when it ends
                self._pause = min(self._pause, self._patience.left)
            self._next_try = self._clock() + self._pause
            return task.pieces or [task]  # small tasks are likelier to succeed
        except UserError as error:
            if task.pieces:
                return task.pieces  # to find the one that fails
            self._warn(str(error))
            refused_alone = isinstance(error, RefusedError) or not isinstance(error, TrackingError)
            self._given_up = not refused_alone
            return [] if refused_alone else [task]
        if self._failures:
            self._warn("the tracker answers again")
        self._failures = 0
        for done in task.pieces or [task]:
            self.done += 1
            if done.folder is not None:
                self.published.append(done.folder)
        return []
