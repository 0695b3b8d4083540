"""Publishing the runs and comparisons of folders, each to the tracker for which it was made."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from threading import Timer
from typing import Final, Self, TypeVar

from experiments.config.trust import allowed_packages
from experiments.errors import (
    RecordError,
    RefusedError,
    TrackerAwayError,
    TrackingError,
    UserError,
)
from experiments.escape import for_terminal
from experiments.files.masking import masked
from experiments.runs.layout import PROGRESS
from experiments.runs.record import Record
from experiments.tracking.address import recorded_uri, resolve_uri
from experiments.tracking.bulk import are_small
from experiments.tracking.patience import Patience
from experiments.tracking.publisher import MOST_FAILURES
from experiments.tracking.runs import Tracker
from experiments.tracking.summaries import Summary
from experiments.warning import say

T = TypeVar("T")

_LONGEST_WAIT: Final = 10.0  # seconds between attempts
_ALIVE: Final = 120.0  # seconds after its last progress for which a run counts as running
STILL_RUNNING: Final = "still running"
_LOOKED_UP: Final = 200  # runs that are looked for by one question
_TOGETHER: Final = 20  # runs written together
_SILENCE: Final = 2.0  # seconds of waiting for a server before the user is informed
_BETWEEN_LINES: Final = 10.0  # seconds between reports of progress without a terminal


class Publication:
    """Publishes runs and comparisons, each to the tracker for which it was made, or as asked.

    Parameters
    ----------
    uri, experiment : str or None
        The address and the experiment to publish everything to, if the user gave them.
    patience : float
        The seconds for which nothing may get through.
    ended, unfinished : sequence of Record
        The runs.
    summaries : sequence of Summary
        The comparisons.

    Attributes
    ----------
    done : Counter of str
        The number of times that each thing was done.
    refused : list of str
        The messages about records that were refused.
    """

    def __init__(
        self,
        uri: str | None,
        experiment: str | None,
        patience: float,
        ended: Sequence[Record],
        unfinished: Sequence[Record],
        summaries: Sequence[Summary],
    ) -> None:
        self._uri = None if uri is None else resolve_uri(uri)
        self._experiment = experiment
        self._patience = Patience(patience)
        self._trackers: dict[tuple[str, str], Tracker] = {}
        self._ended = self._grouped(ended)
        self._unfinished = self._grouped(unfinished)
        self._summaries = summaries
        self._progress = _Progress(len(ended) + len(unfinished) + len(summaries))
        self._warned = False
        self.done: Counter[str] = Counter()
        self.refused: list[str] = []
        if self._uri is None:
            for uri in dict.fromkeys(uri for uri, _ in self._trackers):
                print(for_terminal(f"publishing to MLflow at {masked(uri)}"), flush=True)

    def publish(self, with_model: Collection[str]) -> None:
        """Publish everything: ended runs first, comparisons last.

        Parameters
        ----------
        with_model : collection of str
            The uids of the runs that get a model.

        Raises
        ------
        TrackingError
            If a tracker refuses everything, or patience with it has ended.
        """
        for tracker, records in self._ended.items():
            for batch in _chunks(records, _LOOKED_UP):
                self._publish_batch(tracker, batch, with_model)
        for tracker, records in self._unfinished.items():
            for record in records:
                self._do(partial(_publish_progress, tracker, record))
        for summary in self._summaries:
            for tracker in self._trackers_of(summary):
                self._do(partial(_publish_summary, tracker, summary))

    def _publish_batch(
        self, tracker: Tracker, batch: Sequence[Record], with_model: Collection[str]
    ) -> None:
        """Publish what runs lack that are looked for by one question."""
        with _announced(tracker, self._patience):
            there = self._patiently(partial(tracker.look_up, batch))
        lacking = []
        for record in batch:
            if tracker.is_complete(record, model=record.uid in with_model):
                self._count("published before")
            else:
                lacking.append(record)
        for group in _chunks(lacking, _TOGETHER):
            written = self._publish_together(tracker, group)
            for record in group:
                said = "published before" if record.uid in there else "published"
                model = record.uid in with_model
                if record in written and not model:
                    self._count(said)
                else:
                    self._do(partial(_publish_run, tracker, record, said, model=model))

    def _publish_together(self, tracker: Tracker, group: Sequence[Record]) -> Sequence[Record]:
        """Publish runs faster than one by one, if that is possible; return which were published."""
        # A run that several sweeps share is added to the others separately.
        unique = list({record.uid: record for record in group}.values())
        if not (tracker.is_database and len(unique) > 1 and are_small(unique)):
            return ()
        try:
            self._patiently(partial(tracker.publish_together, unique))
        except (RefusedError, RecordError):  # by which of them is seen when each is tried
            return ()
        return unique

    def _do(self, step: Callable[[], str]) -> None:
        """Take a step patiently; count what it says, or note why it was refused."""
        try:
            self._count(self._patiently(step))
        except TrackingError as error:
            if not isinstance(error, RefusedError):
                raise
            self.refused.append(str(error))
        except UserError as error:
            self.refused.append(str(error))

    def _count(self, what: str) -> None:
        self.done[what] += 1
        self._progress.show(self.done.total())

    def _patiently(self, step: Callable[[], T]) -> T:
        """Repeat a step while the tracker does not answer."""
        pause = 1.0
        for failures in count(1):
            try:
                return step()
            except TrackerAwayError as error:
                if not self._patience.left or failures >= MOST_FAILURES:
                    raise
                if not self._warned:
                    self._warned = True
                    say(f"publish: {error} {_trying_again(self._patience)}")
                self._patience.wait(min(pause, self._patience.left))
                pause = min(2 * pause, _LONGEST_WAIT)
        raise AssertionError("unreachable")

    def _grouped(self, records: Sequence[Record]) -> dict[Tracker, list[Record]]:
        groups: dict[Tracker, list[Record]] = {}
        for record in records:
            tracker = self._tracker(self._uri or _recorded(record), record.experiment)
            groups.setdefault(tracker, []).append(record)
        return groups

    def _tracker(self, uri: str, experiment: str) -> Tracker:
        key = (uri, self._experiment or experiment)
        if key not in self._trackers:
            self._trackers[key] = Tracker(*key, self._patience)
        return self._trackers[key]

    def _trackers_of(self, summary: Summary) -> list[Tracker]:
        """Return the trackers of a comparison: those of its sweep's runs."""
        uris = {
            tracker.uri: None
            for tracker, records in self._ended.items()
            if any(record.sweep == summary.sweep for record in records)
        }
        uris = uris or {self._uri or resolve_uri(): None}
        trackers = [self._tracker(uri, name) for uri in uris for name in summary.experiments]
        return list(dict.fromkeys(trackers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Print what was done, also if it was not all."""
        self._progress.close()
        if self.done:
            print(", ".join(f"{number} {what}" for what, number in self.done.items()))
        if kind is not None:
            return
        for tracker in self._trackers.values():
            runs = [*self._ended.get(tracker, ()), *self._unfinished.get(tracker, ())]
            if runs:
                _print_links(tracker, runs)


class _Progress:
    """Shows how much is done: on a terminal in one line, elsewhere by a line now and then.

    Parameters
    ----------
    total : int
        The number of steps.
    clock : callable, optional
        A function that returns the time in seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._next = clock() + (0.0 if self._terminal else _BETWEEN_LINES)
        self._begun = False

    def show(self, done: int) -> None:
        """Show the number of steps that are done."""
        if self._clock() < self._next:
            return
        self._begun = True
        if self._terminal:
            print(f"\r{done} of {self._total}", end="", file=sys.stderr, flush=True)
        else:
            self._next = self._clock() + _BETWEEN_LINES
            print(f"publishing: {done} of {self._total}", flush=True)

    def close(self) -> None:
        """End the line."""
        if self._begun and self._terminal:
            print(file=sys.stderr)


@contextmanager
def _announced(tracker: Tracker, patience: Patience) -> Iterator[None]:
    """Say what is waited for, if a server does not answer soon."""
    said = f"publishing: waiting for MLflow at {masked(tracker.uri)}. {_trying_again(patience)}"
    timer = Timer(_SILENCE, lambda: print(for_terminal(said), flush=True))
    timer.daemon = True
    if not tracker.is_database:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _trying_again(patience: Patience) -> str:
    return (
        f"Trying for {patience.seconds:g} s while nothing gets through (--patience; Ctrl-C stops)."
    )


def _recorded(record: Record) -> str:
    recorded = record.flat_config().get("tracking.uri")
    return recorded_uri(None if recorded is None else str(recorded))


def _publish_run(tracker: Tracker, record: Record, said: str, *, model: bool) -> str:
    tracker.publish(record, model=model, trusted=allowed_packages())
    return said


def _publish_progress(tracker: Tracker, record: Record) -> str:
    killed = time.time() - _last_progress(record) > _ALIVE
    tracker.publish_progress(record, killed=killed)
    return "killed, published up to the last checkpoint" if killed else STILL_RUNNING


def _publish_summary(tracker: Tracker, summary: Summary) -> str:
    tracker.publish_summary(
        summary.sweep, files=summary.paths, note=summary.note, view=summary.view
    )
    return "comparisons"


def _chunks(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _last_progress(record: Record) -> float:
    """Return the time at which a run last wrote its progress, in seconds since the epoch."""
    return (record.folder / PROGRESS).stat().st_mtime


def _print_links(tracker: Tracker, runs: Sequence[Record]) -> None:
    """Print how many of the runs are in an experiment, and how to open it in the MLflow UI."""
    unique = len({record.uid for record in runs})
    count = "1 run is" if unique == 1 else f"{unique} runs are"
    lines = [f"{count} in the experiment {tracker.experiment_name!r}. To open it:"]
    command = tracker.ui_command()
    if command is not None:
        lines.append(f"    {command}")
    lines.append(f"    {tracker.ui_link(_only_sweep(runs))}")
    print(for_terminal("\n".join(lines)))


def _only_sweep(runs: Sequence[Record]) -> str | None:
    """Return the sweep that all runs have in common; None if they have several or none."""
    sweeps = {record.sweep for record in runs}
    return sweeps.pop() if len(sweeps) == 1 else None
