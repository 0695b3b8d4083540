"""Collecting the faults of all jobs of a sweep into one error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from experiments.errors import ConfigError

_NAMED: Final = 3  # most jobs with the same fault that are listed by name


class Faults:
    """A collection of the faults of jobs, each with the jobs that have it.

    Parameters
    ----------
    job_overrides : sequence of sequence of str
        The overrides of each job of the sweep.
    """

    def __init__(self, job_overrides: Sequence[Sequence[str]]) -> None:
        self._jobs = len(job_overrides)
        self._varied = varied_keys(job_overrides)
        self._jobs_by_fault: dict[str, list[str]] = {}

    def add(self, fault: str, overrides: Sequence[str]) -> None:
        """Add a fault of the job with these overrides."""
        own = [o for o in overrides if _key(o) in self._varied]
        self._jobs_by_fault.setdefault(fault, []).append(" ".join(own or overrides))

    def raise_any(self) -> None:
        """Raise an error that lists all faults, if there are any.

        Raises
        ------
        ConfigError
            If a fault was added.
        """
        if not self._jobs_by_fault:
            return
        if self._jobs == 1:
            raise ConfigError("\n".join(self._jobs_by_fault))
        lines = [f"nothing was trained; of {self._jobs} jobs these are invalid:"]
        for fault, jobs in self._jobs_by_fault.items():
            if len(jobs) == self._jobs:
                who = "every job"
            elif len(jobs) <= _NAMED:
                who = "; ".join(jobs)
            else:
                who = f"{jobs[0]} and {len(jobs) - 1} others"
            lines.append(f"  {fault}  [{who}]")
        raise ConfigError("\n".join(lines))


def varied_keys(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """Return the keys whose values differ between jobs."""
    values: dict[str, set[str]] = {}
    for overrides in job_overrides:
        for override in overrides:
            values.setdefault(_key(override), set()).add(override.partition("=")[2])
    return [key for key, seen in values.items() if len(seen) > 1]


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]
