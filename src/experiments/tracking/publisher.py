"""Publishing while runs train: a tracker that fails costs time of its own, never a run."""

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
from experiments.tracking.runs import Tracker, are_short, choose_models, is_worth_publishing

_FIRST_WAIT: Final = 1.0  # seconds after a failure; twice as long after each further one
_LONGEST_WAIT: Final = 60.0
_READY: Final = "(ready when it prints 'Application startup complete'; Ctrl-C ends it)"


@dataclass(frozen=True)
class _Task:
    """Something to be published.

    Parameters
    ----------
    action : callable
    folder : Path, optional
        Of the record, where it is a run.
    pieces : sequence of _Task
        Of what it consists; done one by one if it fails.
    """

    action: Callable[[Tracker], object]
    folder: Path | None = None
    pieces: Sequence[_Task] = ()


class Publisher:
    """Publishes what it is given, in that order; what fails is tried again, later and later.

    Nothing is waited for: whoever owns it calls :meth:`work` from time to time.

    Parameters
    ----------
    settings : Tracking
    experiment_name : str
    warn : callable
        Shows a warning to people: once for an outage, once for each record that is refused.
    clock : callable, optional
        Tells the time in seconds.

    Attributes
    ----------
    published : list of Path
        Folders of the records that have been published.
    done : int
        How much has been published, runs and all else.
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
        self._given_up = False
        self._tracker: Tracker | None = None
        self._run_id: str | None = None
        self._summary_id: str | None = None
        self.published: list[Path] = []
        self.done = 0

    @property
    def waiting(self) -> int:
        """How much is still to be published; 0 also where that is given up."""
        return 0 if self._given_up else len(self._tasks)

    @property
    def next_try(self) -> float:
        """Seconds until something can be tried; 0 where it can be at once."""
        return max(0.0, self._next_try - self._clock())

    def open(self) -> None:
        """Reach the tracker, which takes seconds at first: best done while something trains."""
        self._add(_Task(Tracker.open))

    def publish(self, *records: Record) -> None:
        """Publish runs that have ended, those of which there is anything to see."""

        def together(tracker: Tracker) -> None:
            worth = [record for record in records if is_worth_publishing(record)]
            if worth:
                *_, self._run_id = tracker.publish_together(worth)

        def one(record: Record, tracker: Tracker) -> None:
            if is_worth_publishing(record):
                self._run_id = tracker.publish(record)

        pieces = [_Task(partial(one, record), record.folder) for record in records]
        if len(pieces) > 1 and are_short(records):
            pieces = [_Task(together, pieces=pieces)]
        for task in pieces:
            self._add(task)

    def publish_progress(self, record: Record) -> None:
        """Publish how far a run is, unless more important things wait: it is out of date soon."""
        if not self._tasks and not self.next_try:
            self._try(_Task(lambda tracker: tracker.publish_progress(record)))

    def publish_models(self, records: Sequence[Record], *, trusted: frozenset[str]) -> None:
        """Publish learning curves and models of those runs that get them.

        Parameters
        ----------
        records : sequence of Record
        trusted : frozenset of str
            Packages, besides this project's, whose classes the models may be built of.
        """

        def action(record: Record, tracker: Tracker) -> None:
            tracker.publish(record, model=True, trusted=trusted)

        for record in choose_models(records, self._settings.models):
            self._add(_Task(partial(action, record)))

    def publish_comparison(
        self, sweep: str, files: Sequence[Path], note: str, name: str = "comparison"
    ) -> None:
        """Publish a sweep's comparison as a run of its own."""

        def action(tracker: Tracker) -> None:
            self._summary_id = tracker.publish_summary(sweep, files=files, note=note, name=name)

        self._add(_Task(action))

    def work(self, seconds: float = 1.0) -> None:
        """Publish what waits, for about so long, unless the tracker has just failed."""
        end = self._clock() + seconds
        while self.waiting and not self.next_try and self._clock() <= end:
            left = self._try(self._tasks[0])
            self._tasks.popleft()
            self._tasks.extendleft(reversed(left))

    def where(self, sweep: str | None = None) -> list[str]:
        """Return lines that say how to open the MLflow UI and where; none if nothing is there.

        Parameters
        ----------
        sweep : str, optional
            Whose runs to show, and its comparison; by default the run that was published last.
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
        """Do a task; return what is left of it: nothing where it is done with, for good or ill."""
        try:
            if self._tracker is None:
                self._tracker = Tracker(self._settings.uri, self._experiment_name)
            task.action(self._tracker)
        except TrackerAwayError as error:
            self._failures += 1
            if self._failures == 1:
                self._warn(f"{error} Nothing waits for it; it is tried again.")
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (self._failures - 1))
            self._next_try = self._clock() + wait
            return task.pieces or [task]  # where much fails, little gets through sooner
        except UserError as error:
            if task.pieces:
                return task.pieces  # they tell which of them is at fault
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
