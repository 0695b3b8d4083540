"""Runs before they are composed, and what a sweep needs of whoever composes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from experiments.runs.job import Job


@dataclass(frozen=True)
class Draft:
    """A run before it is composed.

    Parameters
    ----------
    overrides : sequence of str
        As a command line has them, each with one value: ``optimizer=adam``.
    settings : mapping of str to object
        Values by dotted key, set after the overrides.
    labels : mapping of str to str
        What part the run has in the sweep; see :class:`experiments.runs.job.Job`.
    """

    overrides: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class Composer(Protocol):
    """Makes configurations and jobs of drafts."""

    def config(self, draft: Draft) -> dict[str, Any]:
        """Return a run's configuration as plain values, with what it declares for a search.

        Raises
        ------
        ConfigError
            Listing every override that cannot be applied.
        """

    def jobs(self, drafts: Sequence[Draft], first: int = 0) -> list[Job]:
        """Return the jobs of runs, of which the first has this number in the sweep.

        Raises
        ------
        ConfigError
            Listing every job that is wrong.
        """
