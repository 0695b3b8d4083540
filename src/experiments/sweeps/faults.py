"""What is wrong with the jobs of a sweep, told all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from experiments.errors import ConfigError

_NAMED: Final = 3  # jobs that are named one by one


class Faults:
    """Collects what is wrong with jobs: each fault once, with the jobs that have it.

    Parameters
    ----------
    job_overrides : sequence of sequence of str
        What each job of the sweep changes.
    """

    def __init__(self, job_overrides: Sequence[Sequence[str]]) -> None:
        self._jobs = len(job_overrides)
        self._varied = varied_keys(job_overrides)
        self._found: dict[str, list[str]] = {}

    def add(self, fault: str, overrides: Sequence[str]) -> None:
        """Note a fault of the job with these overrides."""
        own = [o for o in overrides if _key(o) in self._varied]
        self._found.setdefault(fault, []).append(" ".join(own or overrides))

    def raise_any(self) -> None:
        """Raise what was found.

        Raises
        ------
        ConfigError
            Listing every fault, if there is any.
        """
        if not self._found:
            return
        if self._jobs == 1:
            raise ConfigError("\n".join(self._found))
        lines = [f"nothing was trained; of {self._jobs} jobs these are wrong:"]
        for fault, having in self._found.items():
            if len(having) == self._jobs:
                who = "every job"
            elif len(having) <= _NAMED:
                who = "; ".join(having)
            else:
                who = f"{having[0]} and {len(having) - 1} others"
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
