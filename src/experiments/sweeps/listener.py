"""What a sweep tells whoever follows it: a console, a tracker, a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.errors import UserError
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.warning import warn


@dataclass(frozen=True)
class Plan:
    """What there is to do for a batch of runs.

    Parameters
    ----------
    runs : int
        How many the batch has.
    reused : int
        Runs that are finished already and are not trained again.
    resumed : int
        Runs that go on from a checkpoint.
    reasons : mapping of str to int
        Why runs are trained though a run of the same configuration is finished, such as
        ``"the data have changed"``, and how many runs each reason holds for.
    """

    runs: int
    reused: int = 0
    resumed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


class Listener:
    """Follows a sweep. This one ignores all but warnings; others override what they need.

    The sweep calls it in its own thread and waits for it.
    """

    @property
    def needs_core(self) -> bool:
        """Whether this listener has work for a core that a worker would otherwise take."""
        return False

    def check_for_interrupts(self) -> None:
        """Raise the interrupt that has come, if any.

        Called often, and only where a sweep can be interrupted so that nothing is lost. A listener
        that does not hold interrupts back has nothing to do here: KeyboardInterrupt may be raised
        anywhere.
        """

    def warn(self, message: str) -> None:
        """Show a warning to people: a worker that has died, say."""
        warn(message)

    def note(self, message: str) -> None:
        """Take note of something that people should know and that need not be wrong."""

    def batch_begun(self, jobs: Sequence[Job], title: str) -> None:
        """Take note of a batch whose jobs are valid and whose data are loaded.

        Parameters
        ----------
        jobs : sequence of Job
        title : str
            What the batch is, in words: ``"20 runs"``.

        Raises
        ------
        UserError
            To have nothing trained.
        """

    def run_reused(self, job: Job, record: Record, earlier: Record) -> None:
        """Take note of a run that is finished already.

        Parameters
        ----------
        job : Job
        record : Record
            Of the run, in the job's folder.
        earlier : Record
            From which it was copied.
        """

    def planned(self, plan: Plan) -> None:
        """Take note of what will be trained, and why."""

    def waiting(self, runs: int) -> None:
        """Take note that another command trains so many runs; called several times a second."""

    def training_begun(self, jobs: Sequence[Job]) -> None:
        """Take note of the runs that train now; later calls name them by their position here."""

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        """Take note of how far runs are; called several times a second while runs train.

        Parameters
        ----------
        epochs : float
            Epochs that all runs together have finished.
        losses : sequence of float
            Last validation loss of each run; 0 where there is none yet, or the run has ended.
        """

    def run_ended(self, position: int, record: Record) -> None:
        """Take note of a run that has ended, in whatever way."""

    def interrupted(self, error: KeyboardInterrupt | UserError) -> None:
        """Take note of what ends the training early, before workers are stopped."""

    def training_ended(self) -> None:
        """Take note that no run trains any more; called however training ends."""
