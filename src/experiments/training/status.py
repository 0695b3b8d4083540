"""How a run ended, or that it has not."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The state of a run. Records hold the values, so they stay as they are."""

    RUNNING = "running"
    DONE = "done"
    STOPPED_EARLY = "stopped_early"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def has_ended(self) -> bool:
        """Whether the run is no longer being trained, for whatever reason."""
        return self is not Status.RUNNING

    @property
    def ended_well(self) -> bool:
        """Whether the run trained to its end, early or not, with a finite loss."""
        return self in (Status.DONE, Status.STOPPED_EARLY)

    @property
    def is_final(self) -> bool:
        """Whether training decided the end, so that training again would end the same way.

        A run that failed or was interrupted may go further next time; one that diverged will not.
        """
        return self.ended_well or self is Status.DIVERGED

    @property
    def words(self) -> str:
        """The status for people, such as "stopped early"."""
        return self.replace("_", " ")
