"""The status of a run."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The status of a run. Records store the values, so they must not change."""

    RUNNING = "running"
    DONE = "done"
    STOPPED_EARLY = "stopped_early"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def has_ended(self) -> bool:
        """Whether training has stopped, for whatever reason."""
        return self is not Status.RUNNING

    @property
    def ended_well(self) -> bool:
        """Whether training completed, early or not, with a finite loss."""
        return self in (Status.DONE, Status.STOPPED_EARLY)

    @property
    def is_final(self) -> bool:
        """Whether training the run again would end in the same way.

        A failed or interrupted run may get further next time; a diverged one will not.
        """
        return self.ended_well or self is Status.DIVERGED

    @property
    def words(self) -> str:
        """The status for people, such as "stopped early"."""
        return self.replace("_", " ")
