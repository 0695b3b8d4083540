"""A whole comparison as plain data: everything that a report tells, worked out once.

`experiments.analysis.analyse` makes a `Study` of records. Terminal, tables, pictures and report
only show it, so they cannot contradict one another.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from experiments.analysis.groups import Group
from experiments.analysis.pairs import Pair
from experiments.analysis.statistics.divergence import Divergences
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.interquartile import interquartile_mean
from experiments.analysis.statistics.median import median
from experiments.analysis.statistics.profiles import Profile
from experiments.analysis.statistics.sensitivity import Sensitivity
from experiments.analysis.statistics.studentized import mean
from experiments.analysis.statistics.time_to_target import TimeToTarget
from experiments.analysis.targets import Target
from experiments.analysis.tuning import Tuning
from experiments.runs.record import Record, Scalar
from experiments.training.metrics import metric_named

TIME: Final = "epochs to the target"


@dataclass(frozen=True)
class Sample:
    """One metric of one group over its seeds, with statistics that are computed when asked for.

    Attributes
    ----------
    metric : str
        Its name.
    seeds, values
        By seed. A diverged run has the value of its untrained network (see `values`).
    diverged : frozenset of int
        The seeds whose value is such a substitute.
    """

    metric: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    diverged: frozenset[int]

    @cached_property
    def mean(self) -> Estimate:
        """The mean with its 95% interval (see `statistics.studentized`)."""
        return mean(self.values).sample_interval()

    @property
    def sd(self) -> float:
        """The standard deviation of the sample; NaN for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan

    @cached_property
    def iqm(self) -> Estimate:
        """The interquartile mean with its 95% interval (see `statistics.interquartile`)."""
        return interquartile_mean(self.values).sample_interval()

    @cached_property
    def median(self) -> Estimate:
        """The median with its 95% interval from order statistics."""
        return median(self.values)

    @property
    def best(self) -> float:
        """The best seed's value."""
        return (max if metric_named(self.metric).higher_is_better else min)(self.values)


@dataclass(frozen=True)
class Entry:
    """One group of a part: what is compared.

    Attributes
    ----------
    label : str
        For people: `adam (tuned, lr 0.003)`. Different for every entry of a part.
    name : str
        Without what tuning chose, and so the same for every dataset: `adam (tuned)`.
    optimizer : str
        The optimizer's choice, which decides the colour.
    setting : str
        `tuned`, `default`, or empty where the runs are not labelled.
    tuned : mapping of str to scalar
        What tuning chose, by short name: `{"lr": 0.003}`; empty for others.
    group : Group
        The runs, whatever their status.
    seeds : tuple of int
        Of the runs that count: finished and diverged.
    metrics : mapping of str to Sample
        By name: the metric that ranks, then those of `COMPARED` that were measured.
    divergences : Divergences
        How many runs went wrong.
    times : mapping of str to TimeToTarget
        By unit (`epoch`, `step`, `seconds`); empty without a target. Seconds are those of the
        training steps alone.
    """

    label: str
    name: str
    optimizer: str
    setting: str
    tuned: Mapping[str, Scalar]
    group: Group
    seeds: tuple[int, ...]
    metrics: Mapping[str, Sample]
    divergences: Divergences
    times: Mapping[str, TimeToTarget]


@dataclass(frozen=True)
class Part:
    """The comparison on one task (dataset and loss).

    Attributes
    ----------
    name : str
        `digits`.
    metric, higher
        What ranks and separates, and whether it is better when higher.
    entries : tuple of Entry
        Ranked by the metric's mean, best first; those without a value last.
    pairs : tuple of Pair
        Every two entries by the metric, in that order (of the best `MOST_COMPARED`).
    target : Target or None
        None where nothing was measured.
    time_pairs : tuple of Pair
        Every two entries by the epochs to the target. Their differences are of *ranks* (1 is
        the fastest run of all), which makes misses comparable.
    tuning, sensitivities
        Of the tuning runs; of all runs where none are labelled. Empty where nothing varied.
    records : tuple of Record
        All distinct runs, tuning and reporting.
    """

    name: str
    metric: str
    higher: bool
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    target: Target | None
    time_pairs: tuple[Pair, ...]
    tuning: tuple[Tuning, ...]
    sensitivities: tuple[Sensitivity, ...]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Overall:
    """One group across all datasets.

    Attributes
    ----------
    label : str
        Without what tuning chose, which differs between datasets: `adam (tuned)`.
    score : Estimate
        Mean over datasets of the metric, scaled so that the untrained network has 0 and the best
        group's mean 1, with its interval stratified over datasets.
    ranks : tuple of int
        The rank of its mean on each dataset, in the order of the parts.
    """

    label: str
    optimizer: str
    score: Estimate
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Study:
    """A whole comparison.

    Attributes
    ----------
    metric : str
        What selects, ranks and separates.
    parts : tuple of Part
        One per task.
    overall, profiles
        Across datasets; empty where there is one. Those groups only that every dataset has.
    tuning_seeds, reporting_seeds : tuple of int
        Sorted. Without labels all seeds are reporting seeds.
    commands : tuple of str
        The command lines that made the runs, each once.
    versions : mapping of str to tuple of str
        Different versions of the code and libraries by name, such as `commit`.
    repeats, superseded : int
        How many runs were left out since the same run was done again: by the same code, and by
        other code or libraries (see `groups.distinct`).
    """

    metric: str
    parts: tuple[Part, ...]
    overall: tuple[Overall, ...]
    profiles: tuple[Profile, ...]
    tuning_seeds: tuple[int, ...]
    reporting_seeds: tuple[int, ...]
    commands: tuple[str, ...]
    versions: Mapping[str, tuple[str, ...]]
    repeats: int
    superseded: int
