"""Repeating a published result: tuning where its source tunes, training all groups, measuring."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from experiments.analysis.published.description import Published
from experiments.errors import UserError
from experiments.runs.job import Job
from experiments.runs.record import Record
from experiments.sweeps.sweep import Sweep
from experiments.training.status import Status

Jobs = Callable[[Sequence[Sequence[str]], int], list[Job]]
"""Makes jobs from the settings of each and the number of the first."""

_SMOKE_SEEDS: Final = 2

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass
class Repetition:
    """Trains the runs of a published result.

    Parameters
    ----------
    published : Published
        The result.
    sweep : Sweep
        The sweep that trains.
    jobs : callable
        A function that makes jobs from settings.
    smoke : bool, default False
        Whether runs are as short as can be: two seeds, and one value where a setting is tuned.

    Attributes
    ----------
    chosen : dict of str to dict
        The settings that were tuned, by group.
    """

    published: Published
    sweep: Sweep
    jobs: Jobs
    smoke: bool = False
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)

    def run(self) -> dict[str, list[Record]]:
        """Tune, then train all groups on the seeds of the result; return the records by group.

        Raises
        ------
        ConfigError
            If settings are wrong or data are missing. Nothing has been trained.
        UserError
            If runs failed. All others have ended.
        KeyboardInterrupt
            If it was interrupted; what has finished is kept.
        """
        self._tune()
        common = self.published.seeds
        return self._train(
            {
                group: [
                    [*runs.settings, *_written(self.chosen.get(group, {})), f"seed={seed}"]
                    for seed in self._first(runs.seeds or common, _SMOKE_SEEDS)
                ]
                for group, runs in self.published.runs.items()
            }
        )

    def _tune(self) -> None:
        trials: dict[tuple[str, float], list[list[str]]] = {}
        for group, runs in self.published.runs.items():
            if runs.tune is not None:
                for value in self._first(runs.tune.values, 1):
                    setting = _written({runs.tune.setting: value})
                    trials[group, value] = [
                        [*runs.settings, *setting, f"seed={seed}"]
                        for seed in self._first(runs.tune.seeds, 1)
                    ]
        if not trials:
            return
        records = self._train(trials)
        for group, runs in self.published.runs.items():
            if runs.tune is not None:
                measured = {
                    value: [runs.tune.measure.of(record) for record in found]
                    for (of, value), found in records.items()
                    if of == group
                }
                self.chosen[group] = {runs.tune.setting: runs.tune.choose(measured)}

    def _first(self, values: Sequence[T], count: int) -> Sequence[T]:
        return values[:count] if self.smoke else values

    def _train(self, settings: Mapping[K, Sequence[Sequence[str]]]) -> dict[K, list[Record]]:
        """Train the runs of several groups in one batch."""
        flat = [[*own, *self._shortened()] for group in settings.values() for own in group]
        records = iter(self.sweep.run(self.jobs(flat, len(self.sweep.jobs))))
        found = {group: [next(records) for _ in own] for group, own in settings.items()}
        failed = [r for own in found.values() for r in own if r.status is Status.FAILED]
        if failed:
            raise UserError(
                f"{len(failed)} runs failed, the first of them {failed[0].name}: "
                f"{failed[0].message} (see {failed[0].folder / 'run.log'})"
            )
        return found

    def _shortened(self) -> Sequence[str]:
        return self.published.smoke if self.smoke else ()


def busy_seconds(records: Sequence[Record]) -> float:
    """Return how long at least one of the runs was training; reused runs count, too."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted((r.started.timestamp(), r.finished.timestamp()) for r in records):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _written(settings: Mapping[str, float]) -> list[str]:
    return [f"{key}={value!r}" for key, value in settings.items()]
