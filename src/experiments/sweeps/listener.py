"""The interface of listeners, which follow a sweep: a console, a tracker, a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.errors import UserError
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.warning import warn


@dataclass(frozen=True)
class Plan:
    """The work that a batch of runs needs.

    Parameters
    ----------
    runs : int
        The number of runs in the batch.
    reused : int
        The number of finished runs, which are not trained again.
    resumed : int
        The number of runs that resume from a checkpoint.
    reasons : mapping of str to int
        The reasons why runs are trained although a run of the same configuration is finished,
        such as ``"the data have changed"``, and the number of runs for each reason.
    """

    runs: int
    reused: int = 0
    resumed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


class Listener:
    """A listener that ignores all events but warnings; subclasses override what they need.

    The sweep calls its methods in the sweep's thread and waits for them to return.
    """

    @property
    def needs_core(self) -> bool:
        """Whether this listener has work for a core that a worker would otherwise take."""
        return False

    def check_for_interrupts(self) -> None:
        """Raise the interrupt that has arrived, if any.

        The sweep calls this often, at points where an interrupt loses nothing. A listener that does
        not defer interrupts need not override it: KeyboardInterrupt may be raised anywhere.
        """

    def warn(self, message: str) -> None:
        """Show a warning to the user, for example about a worker that died."""
        warn(message)

    def note(self, message: str) -> None:
        """Show a note to the user about something unusual that may be intended."""

    def prepared(self, done: int, runs: int) -> None:
        """Handle that runs of a batch were composed or got their files; may raise an interrupt.

        It is called before each run and after the last.

        Parameters
        ----------
        done, runs : int
            The number of runs that are done, from 0, and of all runs.
        """
        self.check_for_interrupts()

    def batch_begun(self, jobs: Sequence[Job], title: str) -> None:
        """Handle the start of a batch; its jobs are valid and its data are loaded.

        Parameters
        ----------
        jobs : sequence of Job
        title : str
            A description of the batch: ``"20 runs"``.

        Raises
        ------
        UserError
            To prevent the batch from being trained.
        """

    def run_reused(self, job: Job, record: Record, earlier: Record) -> None:
        """Handle a run that is finished already and is not trained.

        Parameters
        ----------
        job : Job
        record : Record
            The run's record in the job's folder, a copy of `earlier`.
        earlier : Record
            The record of the execution that trained the run.
        """

    def planned(self, plan: Plan) -> None:
        """Handle the plan of a batch: which runs are trained, and why."""

    def waiting(self, runs: int) -> None:
        """Handle waiting for runs that another command trains; called several times a second."""

    def waiting_for_folder(self, owner: str) -> None:
        """Handle waiting for a command that writes to the folder; called several times a second.

        Parameters
        ----------
        owner : str
            A description of the command: its process, its host, the folder, since when.
        """

    def training_begun(self, jobs: Sequence[Job], epochs: Sequence[int]) -> None:
        """Handle the start of training; later calls refer to positions in `jobs`.

        Parameters
        ----------
        jobs : sequence of Job
            The jobs to train.
        epochs : sequence of int
            The number of epochs of each job.
        """

    def progressed(self, epochs: float, losses: Sequence[float]) -> None:
        """Handle the progress of training; called several times a second.

        Parameters
        ----------
        epochs : float
            The number of epochs that all runs together have finished.
        losses : sequence of float
            The last validation loss of each run; 0 before the first and after the run's end.
        """

    def run_ended(self, position: int, record: Record) -> None:
        """Handle the end of a run, with any status."""

    def interrupted(self, error: KeyboardInterrupt | UserError) -> None:
        """Handle the error that ends training early; called before the workers are stopped."""

    def training_ended(self) -> None:
        """Handle the end of training; called after errors, too."""
