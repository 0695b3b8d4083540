"""A whole comparison as plain data: everything that a report shows, computed once.

`experiments.analysis.analyse` makes a `Study` from records. Terminal, tables, pictures and report
only display it, so they cannot contradict each other.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from experiments.analysis.budgets import Budget
from experiments.analysis.diagnosis import Diagnosis
from experiments.analysis.groups import EPOCHS, GRADIENTS, Group
from experiments.analysis.pairs import Pair
from experiments.analysis.rows import FewRows
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
from experiments.analysis.validation import Disagreement
from experiments.datasets import Task
from experiments.runs.record import Record, Scalar
from experiments.training.metrics import metric_named

TIME: Final = {EPOCHS: "epochs to the target", GRADIENTS: "gradients to the target"}
"""The names of the times to the target by which pairs are compared, by the unit."""


@dataclass(frozen=True)
class Sample:
    """One metric of one group over its seeds, with statistics computed on demand.

    Attributes
    ----------
    metric : str
        The name of the metric.
    seeds : tuple of int
        The seeds that have a value.
    values : tuple of float
        The value of each seed. A diverged run has the value of its untrained network (see
        `experiments.analysis.values`).
    diverged : frozenset of int
        The seeds whose value is such a substitute.
    stood_in : frozenset of int
        The seeds among these for which the value before training of another part stands in,
        because the record does not have that of the test part.
    overlap : float
        The number of test rows over that of training rows, if each seed has its own split.
    """

    metric: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    diverged: frozenset[int]
    stood_in: frozenset[int] = frozenset()
    overlap: float = 0.0

    @cached_property
    def mean(self) -> Estimate:
        """The mean with its 95% interval (see `statistics.studentized`), within the range."""
        return mean(self.values, self.overlap).sample_interval().within(*self._range)

    @property
    def sd(self) -> float:
        """The standard deviation of the sample; NaN for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan

    @cached_property
    def iqm(self) -> Estimate:
        """The interquartile mean with its 95% interval (see `statistics.interquartile`)."""
        return interquartile_mean(self.values, self.overlap).sample_interval().within(*self._range)

    @cached_property
    def median(self) -> Estimate:
        """The median with its 95% interval from order statistics."""
        return median(self.values)

    @property
    def best(self) -> float:
        """The best seed's value."""
        return (max if metric_named(self.metric).higher_is_better else min)(self.values)

    @property
    def _range(self) -> tuple[float, float]:
        """The possible values of the metric, unless a value lies outside."""
        least, most = metric_named(self.metric).range
        known = least <= min(self.values) and max(self.values) <= most
        return (least, most) if known else (-math.inf, math.inf)


@dataclass(frozen=True)
class Entry:
    """One group of a part.

    Attributes
    ----------
    label : str
        The label shown to people, unique within a part: `adam (tuned, lr 0.003)`.
    name : str
        The label without the settings that tuning chose, so that it is the same for every
        dataset: `adam (tuned)`.
    base : str
        The name without `tuned` or `default`: `adam`.
    optimizer : str
        The name of the chosen optimizer, which decides the colour.
    setting : str
        `tuned`, `default`, or empty if the runs are not labelled.
    tuned : mapping of str to scalar
        The settings that tuning chose, by short name: `{"lr": 0.003}`; empty for other groups.
    group : Group
        The runs, of any status.
    seeds : tuple of int
        The seeds of the runs that count: finished or diverged.
    metrics : mapping of str to Sample
        The samples by metric: the ranking metric, then those of `COMPARED` that were measured.
    divergences : Divergences
        The number of runs that went wrong, by kind.
    times : mapping of str to TimeToTarget
        The times to the target by unit (`epoch`, `step`, `seconds`, and `gradients` where they are
        not as many as steps); empty without a target. Seconds are those of the training steps only.
    """

    label: str
    name: str
    base: str
    optimizer: str
    setting: str
    tuned: Mapping[str, Scalar]
    group: Group
    seeds: tuple[int, ...]
    metrics: Mapping[str, Sample]
    divergences: Divergences
    times: Mapping[str, TimeToTarget]

    @property
    def has_untrained(self) -> bool:
        """Whether a run counts with a value of its untrained network."""
        return any(sample.diverged for sample in self.metrics.values())


@dataclass(frozen=True)
class Part:
    """The comparison on one task (dataset and loss).

    Attributes
    ----------
    name : str
        The name of the task, such as `digits`.
    metric : str
        The metric that ranks and separates.
    asked : str
        The metric that the user asked for, which differs if no run has measured it; empty if none.
    higher : bool
        Whether higher is better.
    margin : float or None
        The smallest difference of the metric that matters; None if none was given.
    entries : tuple of Entry
        The groups, ranked by the metric's mean, best first; those without a value last.
    pairs : tuple of Pair
        The comparisons of every two entries, in the same order. Of more than `MOST_COMPARED`
        entries, only the best of those in `focus` are compared with each other, and each with the
        default settings of its optimizer.
    target : Target or None
        The target of the task; None if nothing was measured.
    time_pairs : tuple of Pair
        The comparisons of the same pairs by the time to the target, in the unit of `clock`. The
        differences are of *ranks* (1 is the fastest run of all), which makes runs that miss the
        target comparable.
    tuning : tuple of Tuning
        The tuning of each optimizer; empty if no run is labelled as a tuning run.
    budgets : tuple of Budget
        The comparison at every number of trials up to the full one; empty if no run is labelled
        as a tuning run.
    sensitivities : tuple of Sensitivity
        The sensitivities over the tuning runs, or over all runs if none are labelled; empty if
        no number was varied.
    records : tuple of Record
        All distinct runs, both tuning and reporting.
    disagreement : Disagreement or None
        The order of the groups in `focus` by validation, if it differs.
    few_rows : FewRows or None
        The separated differences from the best group in `focus` that the rows do not tell.
    diagnosis : Diagnosis
        Faults of the settings of the groups in `focus` that their curves and trials show.
    studies : int
        The number of studies if tuning was repeated; 0 if it was not. With studies, samples and
        pairs are over their means: what stands for a seed elsewhere is the number of a study.
    looks : int
        The number of times at which verdicts could be reached on growing numbers of seeds.
    """

    name: str
    metric: str
    asked: str
    higher: bool
    margin: float | None
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...]
    target: Target | None
    time_pairs: tuple[Pair, ...]
    tuning: tuple[Tuning, ...]
    budgets: tuple[Budget, ...]
    sensitivities: tuple[Sensitivity, ...]
    records: tuple[Record, ...]
    disagreement: Disagreement | None
    few_rows: FewRows | None
    diagnosis: Diagnosis
    studies: int = 0
    looks: int = 1

    @property
    def focus(self) -> tuple[Entry, ...]:
        """The entries that a conclusion is about: the tuned ones, if there are others beside."""
        return in_focus(self.entries, self.metric)

    @property
    def clock(self) -> str:
        """The unit of times to the target: epochs, or gradients where these differ."""
        return clock_of(self.entries)

    @property
    def units(self) -> str:
        """The units that the statistics count: seeds, or studies."""
        return "studies" if self.studies else "seeds"

    @property
    def metric_words(self) -> str:
        """The name of the metric in a sentence; of a task without data, what it minimizes."""
        tasks = {run.dataset.get("task") for run in self.records}
        if self.metric == "final/train_loss" and tasks == {Task.MINIMIZATION}:
            return "final value of the objective"
        return metric_named(self.metric).long.removesuffix(" in µs")

    @property
    def separable_pairs(self) -> tuple[Pair, ...]:
        """The pairs with seeds enough that they could be separated."""
        return tuple(pair for pair in self.pairs if pair.can_separate)

    def pairs_of(self, label: str) -> dict[str, Pair]:
        """Return the pairs of one group by the label of the other."""
        return {
            other: pair
            for pair in self.pairs
            for one, other in ((pair.first, pair.second), (pair.second, pair.first))
            if one == label
        }


def clock_of(entries: Sequence[Entry]) -> str:
    """Return what the times to the target of some entries are compared in (see `Part.clock`)."""
    return GRADIENTS if any(GRADIENTS in entry.times for entry in entries) else EPOCHS


def in_focus(entries: Sequence[Entry], metric: str) -> tuple[Entry, ...]:
    """Return the entries with a value that a conclusion is about (see `Part.focus`)."""
    having = tuple(entry for entry in entries if metric in entry.metrics)
    tuned = tuple(entry for entry in having if entry.setting == "tuned")
    return tuned if 0 < len(tuned) < len(having) else having


@dataclass(frozen=True)
class Overall:
    """One group across all datasets.

    Attributes
    ----------
    label : str
        The label without the settings that tuning chose, which differ between datasets:
        `adam (tuned)`.
    optimizer : str
        The name of the chosen optimizer, which decides the colour.
    score : Estimate
        The mean of the scaled metric over datasets, with its interval stratified by dataset. The
        untrained network has 0 and the mean of the best group 1.
    ranks : tuple of int
        The rank of the group's mean on each dataset, in the order of the parts.
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
    parts : tuple of Part
        The comparison on each task.
    overall : tuple of Overall
        The groups that every dataset has, across datasets; empty for a single dataset.
    profiles : tuple of Profile
        The performance profiles of these groups; empty for a single dataset.
    tuning_seeds, reporting_seeds : tuple of int
        The seeds, sorted. Without labels all seeds are reporting seeds.
    commands : tuple of str
        The command lines that started the runs, without duplicates.
    versions : mapping of str to tuple of str
        The versions of the code and of libraries that occur, by name, such as `commit`.
    kernels : mapping of tuple of str to int
        The number of runs by the processor families whose BLAS kernels trained them: `(Haswell,)`,
        or `(Haswell, SkylakeX)` if they were resumed on another processor.
    repeats, superseded : int
        The number of runs left out because the same run was repeated by the same code, and by
        other code or libraries (see `groups.distinct`).
    """

    parts: tuple[Part, ...]
    overall: tuple[Overall, ...]
    profiles: tuple[Profile, ...]
    tuning_seeds: tuple[int, ...]
    reporting_seeds: tuple[int, ...]
    commands: tuple[str, ...]
    versions: Mapping[str, tuple[str, ...]]
    kernels: Mapping[tuple[str, ...], int]
    repeats: int
    superseded: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that rank and separate, which differ between tasks that measure others."""
        return tuple(dict.fromkeys(part.metric for part in self.parts))
