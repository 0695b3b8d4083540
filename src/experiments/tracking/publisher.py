"""Publishing while runs train: a tracker that fails costs a warning, never a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.config import Tracking
from experiments.errors import TrackingError
from experiments.records import Record
from experiments.tracking.tracker import Tracker, choose_models


class Publisher:
    """Publishes records as they come, and remembers those that could not be.

    Parameters
    ----------
    settings : Tracking
    experiment_name : str
    warn : callable
        Shows a warning to people; called once for a tracker that fails.
    """

    def __init__(
        self, settings: Tracking, experiment_name: str, warn: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._warn = warn
        self._failure: TrackingError | None = None
        self.unpublished: list[Record] = []
        self._run_id: str | None = None
        self.tracker: Tracker | None = None
        if settings.enabled:
            self._try(lambda: self._open(experiment_name))

    def _open(self, experiment_name: str) -> None:
        self.tracker = Tracker(self._settings.uri, experiment_name)

    @property
    def works(self) -> bool:
        """Whether there is a tracker and it has not failed."""
        return self.tracker is not None and self._failure is None

    def open(self) -> None:
        """Reach the tracker, which takes seconds at first: best done while something trains."""
        if self.tracker is not None:
            self._try(self.tracker.open)

    def publish(self, record: Record) -> None:
        """Publish one record, or note that it could not be."""
        if not self._settings.enabled:
            return
        tracker = self.tracker
        if tracker is None or not self._try(lambda: self._publish(tracker, record)):
            self.unpublished.append(record)

    def _publish(self, tracker: Tracker, record: Record) -> None:
        self._run_id = tracker.publish(record)

    def publish_models(self, records: Sequence[Record]) -> None:
        """Publish learning curves and models of those runs that get them."""
        tracker = self.tracker
        if tracker is None:
            return
        for record in choose_models(records, self._settings.models):
            if not self._try(lambda record=record: tracker.publish(record, model=True)):  # type: ignore[misc]
                return

    def publish_comparison(
        self, sweep: str, files: Sequence[Path], note: str, name: str = "comparison"
    ) -> None:
        """Publish a sweep's comparison as a run of its own."""
        tracker = self.tracker
        if tracker is not None:
            self._try(lambda: tracker.publish_summary(sweep, files=files, note=note, name=name))

    def where(self, sweep: str | None = None) -> list[str]:
        """Return the lines that open the MLflow UI; none if nothing is there.

        Parameters
        ----------
        sweep : str, optional
            Whose runs to show; by default the run that was published last.
        """
        if self.tracker is None or self._failure is not None or self._run_id is None:
            return []
        command = self.tracker.ui_command()
        run_id = self._run_id if sweep is None else None
        link = self.tracker.ui_link(sweep, run_id=run_id)
        return [link] if command is None else [command, link]

    def _try(self, action: Callable[[], object]) -> bool:
        if self._failure is not None:
            return False  # every further try would wait for the same time-outs
        try:
            action()
        except TrackingError as error:
            self._failure = error
            self._warn(str(error))
            return False
        return True
