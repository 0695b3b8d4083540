"""The terms of a tuned comparison: its search, and its seeds for tuning and for reporting."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from experiments.config.build import build
from experiments.config.limits import RUNS
from experiments.config.search_space import Kind
from experiments.config.seeds import read_seeds, show_seeds
from experiments.datasets import Task
from experiments.errors import ConfigError
from experiments.runs.record import Record
from experiments.sweeps.tuning.looks import FIRST, MOST, looks
from experiments.sweeps.tuning.variations import ALL, Varied
from nn.component import Component, Count, Finite, Interval

_WHERE = "hydra.sweeper"
_SEEDS = ("tuning_seeds", "reporting_seeds")

AUTO: Final = "auto"
"""The value of `reporting_seeds` that adds seeds until the verdicts are settled."""

Seed = Annotated[int, Interval(0)]

Score = tuple[float, int, float]
"""A score of settings, lower is better: the metric, the runs without it, the others' mean."""


@dataclass(frozen=True, kw_only=True)
class Protocol(Component):
    """The terms of a tuned comparison, as ``hydra.sweeper`` sets them.

    Parameters
    ----------
    search : {"grid", "random", "sobol", "halton"}, default "grid"
        The search method.
    budget : int, default 9
        The number of settings that are tried for each optimizer.
    knobs : int, optional
        The number of settings of each optimizer that are searched, in the order in which its
        ``_search_`` declares them; by default as many as the budget pays for (see
        `Space.is_paid_by`).
    search_seed : int, default 0
        The seed of a random or quasi-random search.
    tuning_seeds, reporting_seeds : tuple of int, default 100 to 102 and 0 to 9
        The seeds on which settings are chosen, and those on which results are reported, which must
        be disjoint.
    adds_seeds : bool, default False
        Whether seeds are added to the reporting ones, in the steps of `looks`, until the verdicts
        on tuned settings are settled or no number of seeds up to `most_seeds` would settle more of
        them. ``reporting_seeds=auto`` sets it.
    most_seeds : int, default 40
        The limit to that, from 11 to 1000.
    tuning_studies : int, default 1
        The number of times that the whole tuning is repeated, with other trials and seeds, each
        study's winner being reported on its own seeds. The seeds of a study follow on those of the
        one before. With several, verdicts are over means of studies.
    select : str, default "best/val_loss"
        The metric by which settings are chosen, on the validation data. `best` is the epoch that
        `training.report` chooses.
    aggregate : {"mean", "median"}, default "mean"
        The average of the metric over the tuning seeds. A run that diverged or failed counts as
        infinite.
    widenings : int, default 2
        The largest number of times that all grids are widened by a step because the best settings
        of an optimizer lie at the edge of its grid.
    vary : tuple of str, default ()
        The settings that are varied around the comparison, one at a time, to see where its order is
        reversed: ``batch_size``, ``width``, ``length`` and ``initializer`` (``all`` of them). Each
        variation is a separate comparison with its own tuning.
    target : float, optional
        The target for comparing the time that runs take to reach it; by default the median of the
        best optimizer.
    """

    search: Kind = "grid"
    budget: Annotated[int, Interval(2, RUNS)] = 9
    knobs: Count | None = None
    search_seed: Annotated[int, Interval(0)] = 0
    tuning_seeds: tuple[Seed, ...] = (100, 101, 102)
    reporting_seeds: tuple[Seed, ...] = tuple(range(10))
    adds_seeds: bool = False
    most_seeds: Annotated[int, Interval(FIRST + 1, MOST)] = 4 * FIRST
    tuning_studies: Annotated[int, Interval(1, RUNS)] = 1
    select: Literal[
        "best/val_loss",
        "best/val_accuracy",
        "best/val_r2",
        "final/val_loss",
        "final/val_accuracy",
        "final/val_r2",
    ] = "best/val_loss"
    aggregate: Literal["mean", "median"] = "mean"
    widenings: Annotated[int, Interval(0)] = 2
    vary: tuple[Varied, ...] = ()
    target: Finite | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _SEEDS:
            seeds = getattr(self, name)
            if not seeds or len(set(seeds)) < len(seeds):
                raise ValueError(f"{name}: give at least one seed, and each once")
        runs = self.tuning_studies * (
            self.budget * len(self.tuning_seeds) + len(self.reporting_seeds)
        )
        if runs > RUNS:
            raise ValueError(
                f"{runs:,} runs would tune and report an optimizer, and at most {RUNS:,} are "
                "possible; lower budget, tuning_studies or the number of seeds"
            )
        if self.adds_seeds and self.tuning_studies > 1:
            raise ValueError(
                "reporting_seeds=auto adds seeds, but verdicts on several tuning_studies are over "
                "studies; give the number of seeds, such as reporting_seeds=0-9"
            )
        shared = sorted(
            {seed for study in self.studies for seed in self.tuning_seeds_of(study)}
            & {seed for study in self.studies for seed in self.reporting_seeds_of(study)}
        )
        if shared:
            several = f" in the {self.tuning_studies} studies" if self.tuning_studies > 1 else ""
            raise ValueError(
                f"tuning_seeds and reporting_seeds share {show_seeds(shared)}{several}; settings "
                "look better on the seeds they were tuned on, so report on others"
            )

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of reporting seeds at which verdicts are reached; one if none are added."""
        return looks(self.most_seeds) if self.adds_seeds else (len(self.reporting_seeds),)

    @property
    def studies(self) -> range:
        """The numbers of the studies."""
        return range(self.tuning_studies)

    def tuning_seeds_of(self, study: int) -> tuple[int, ...]:
        """Return the seeds on which a study chooses settings."""
        return _following(self.tuning_seeds, study)

    def reporting_seeds_of(self, study: int) -> tuple[int, ...]:
        """Return the seeds on which a study's winners are reported, at most."""
        return _following(self.reporting_seeds, study)

    def shift_of(self, study: int) -> float:
        """Return by which part of a step a study's grids are shifted: 0, 1/n, -1/n, 2/n, ..."""
        return (study + 1) // 2 * (1 if study % 2 else -1) / self.tuning_studies

    @classmethod
    def from_config(cls, node: Mapping[str, Any]) -> Self:
        """Read ``hydra.sweeper``, in which seeds may be written as ``0-9``.

        Raises
        ------
        ConfigError
            If a term is invalid; the message lists all faults.
        """
        faults: list[str] = []
        settings = {key: value for key, value in node.items() if key in cls.__dataclass_fields__}
        if settings.get("reporting_seeds") == AUTO:
            most = settings.get("most_seeds", cls.most_seeds)
            seeds = range(most if isinstance(most, int) and most <= MOST else FIRST)
            settings |= {"adds_seeds": True, "reporting_seeds": list(seeds) or [0]}
        for name in _SEEDS:
            settings[name] = read_seeds(settings.get(name))
        vary = settings.get("vary") or []
        settings["vary"] = list(ALL) if vary == "all" else [vary] if isinstance(vary, str) else vary
        protocol = build(settings, cls, _WHERE, faults, trusted=frozenset())
        if protocol is None:
            raise ConfigError("\n".join(faults))
        return protocol

    def metric(self, records: Sequence[Record]) -> str:
        """Return the name of `select` in the summaries of runs.

        The best epoch is the one that `training.report` chooses. If that is the last one, its
        values are called final. A function to minimize has no validation part: its own final value
        chooses.
        """
        if any(record.dataset.get("task") == Task.MINIMIZATION for record in records):
            return "final/train_loss"
        last = any(record.report == "last" for record in records)
        return self.select.replace("best/", "final/") if last else self.select

    def value(self, record: Record) -> float | None:
        """Return the value of a run by which settings are chosen; None if it was not measured."""
        return record.summary.get(self.metric([record]))

    def score(self, records: Sequence[Record]) -> Score:
        """Score settings by their runs, one per tuning seed; the lowest score is the best."""
        sign = 1 if self.metric(records).endswith("loss") else -1
        measured = [self.value(record) for record in records if finished(record)]
        values = [sign * value for value in measured if value is not None]
        missed = len(records) - len(values)
        all_values = values + [math.inf] * missed
        overall = (statistics.fmean if self.aggregate == "mean" else statistics.median)(all_values)
        return overall, missed, statistics.fmean(values) if values else math.inf


def _following(seeds: tuple[int, ...], study: int) -> tuple[int, ...]:
    """Return the seeds of a study, in the same distances, beyond those of the studies before."""
    reach = max(seeds) - min(seeds) + 1
    return tuple(seed + study * reach for seed in seeds)


def finished(record: Record) -> bool:
    """Return whether a run trained to its end without diverging."""
    return record.status.ended_well
