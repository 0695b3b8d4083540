"""Drafts of runs, and the interface of the composer that turns them into jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from experiments.runs.job import Job


@dataclass(frozen=True)
class Draft:
    """A run whose configuration has not been composed yet.

    Parameters
    ----------
    overrides : sequence of str
        Overrides as on a command line, each with one value: ``optimizer=adam``.
    settings : mapping of str to object
        Values by dotted key, applied after the overrides.
    labels : mapping of str to str
        The run's role in the sweep; see :class:`experiments.runs.job.Job`.
    """

    overrides: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class Composer(Protocol):
    """Composes configurations and jobs from drafts."""

    def config(self, draft: Draft) -> dict[str, Any]:
        """Return a run's configuration as plain values, including its declared search space.

        Raises
        ------
        ConfigError
            If overrides cannot be applied; the message lists all of them.
        """

    def jobs(self, drafts: Sequence[Draft], first: int = 0) -> list[Job]:
        """Return the jobs of drafts.

        Parameters
        ----------
        drafts : sequence of Draft
        first : int, default 0
            The number of the first job in the sweep.

        Raises
        ------
        ConfigError
            If jobs are invalid; the message lists all of them.
        """
