"""Verdicts on published claims, computed from the values of our runs.

A published number that is a single result is one draw: it is reproduced if it lies in the
prediction interval of a single further result of ours. A published mean is compared by Welch's
interval. A published order is reproduced if each group is separated from the next in the claimed
direction, or lies above it by no more than a margin where the source says that it is as good.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from experiments.analysis.published.measure import Measure
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.prediction import prediction_interval
from experiments.analysis.statistics.welch import Sample, welch_interval
from nn.component import Component, Count, Finite, NonNegative, Positive

LEVEL: Final = 0.95
"""The coverage of every interval."""

Values = Mapping[str, Sequence[float]]
"""The measured values of each group of runs, by the group's name."""


class Verdict(StrEnum):
    """The verdicts on a published result that was repeated, in the order of the tables."""

    REPRODUCED = "reproduced"
    NEAR = "near"
    NOT_REPRODUCED = "not reproduced"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Finding:
    """A verdict with the intervals that led to it.

    Attributes
    ----------
    verdict : Verdict
    intervals : sequence of Estimate
        For a number, its mean and interval; for an order, the differences of neighbours, the one
        claimed to be lower subtracted from the other.
    """

    verdict: Verdict
    intervals: Sequence[Estimate]


@dataclass(frozen=True, kw_only=True)
class Claim(Component):
    """A claim of a source.

    Parameters
    ----------
    says : str
        The claim in words.
    where : str
        The page, table or figure of the source.
    measure : Measure
        The number that is measured of each run.
    """

    says: str
    where: str
    measure: Measure

    @property
    @abstractmethod
    def groups(self) -> Sequence[str]:
        """The names of the groups of runs that the claim is about."""

    @abstractmethod
    def judge(self, values: Values) -> Finding:
        """Compute the verdict.

        Parameters
        ----------
        values : mapping of str to sequence of float
            The values of each of `groups`, which may be infinite, or none.
        """

    @property
    @abstractmethod
    def published(self) -> str:
        """The result of the source, as a number or an order."""


@dataclass(frozen=True, kw_only=True)
class _Number(Claim):
    """A published number.

    Parameters
    ----------
    says, where, measure
        See `Claim`.
    runs : str
        The name of the group of runs.
    value : float
        The published number.
    tolerance : float
        The largest distance of our mean from the number that counts as near.
    width : float
        The largest width of the interval with which there is a verdict.
    rounding : float, default 0.0
        Half a unit of the last digit that the source gives, or how finely its figure can be read.
        The number is then any within this distance.
    """

    runs: str
    value: Finite
    tolerance: NonNegative
    width: Positive
    rounding: NonNegative = 0.0

    @property
    def groups(self) -> Sequence[str]:
        return (self.runs,)

    @property
    def published(self) -> str:
        return f"{self.value:.6g}"

    @abstractmethod
    def interval(self, values: Sequence[float]) -> Estimate:
        """Return the mean of our values, and the interval in which the number may lie."""

    def judge(self, values: Values) -> Finding:
        found = self.interval(values[self.runs])
        low, high = self.value - self.rounding, self.value + self.rounding
        if not found.high - found.low <= self.width:
            verdict = Verdict.UNDECIDED
        elif found.low <= high and low <= found.high:
            verdict = Verdict.REPRODUCED
        elif abs(found.value - self.value) <= self.tolerance:
            verdict = Verdict.NEAR
        else:
            verdict = Verdict.NOT_REPRODUCED
        return Finding(verdict, [found])


@dataclass(frozen=True, kw_only=True)
class Value(_Number):
    """A published number that is a single result: one draw.

    Parameters
    ----------
    says, where, measure, runs, value, tolerance, width, rounding
        See `_Number`.
    """

    def interval(self, values: Sequence[float]) -> Estimate:
        return prediction_interval(values, level=LEVEL)


@dataclass(frozen=True, kw_only=True)
class Mean(_Number):
    """A published mean over several runs.

    Parameters
    ----------
    says, where, measure, runs, value, tolerance, width, rounding
        See `_Number`.
    of : int
        The number of runs whose mean it is.
    spread : float, optional
        Their published standard deviation. Without one, theirs is taken to be ours.
    """

    of: Count
    spread: NonNegative | None = None

    @property
    def published(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.4g}"
        return f"{self.value:.6g}{spread} (mean of {self.of})"

    def interval(self, values: Sequence[float]) -> Estimate:
        if self.spread is None:
            return prediction_interval(values, draws=self.of, level=LEVEL)
        ours = Sample.of(values)
        difference = welch_interval(ours, Sample(0, self.spread, self.of), LEVEL)
        return Estimate(ours.mean, difference.low, difference.high, LEVEL)


@dataclass(frozen=True, kw_only=True)
class Order(Claim):
    """A published order of groups of runs.

    Parameters
    ----------
    says, where, measure
        See `Claim`.
    order : sequence of str
        The names of the groups, those with the lowest values first.
    margin : float, default 0.0
        The largest difference by which a group may lie above the next one, if the source claims
        only that it is as good.
    """

    order: tuple[str, ...]
    margin: NonNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.order) < 2 or len(set(self.order)) < len(self.order):
            raise ValueError(f"order needs at least two different groups, but is {self.order}")

    @property
    def groups(self) -> Sequence[str]:
        return self.order

    @property
    def published(self) -> str:
        allowed = f" + {self.margin:g}" if self.margin else ""
        return " < ".join([self.order[0], *(group + allowed for group in self.order[1:])])

    def judge(self, values: Values) -> Finding:
        samples = [Sample.of(values[group]) for group in self.order]
        pairs = list(pairwise(samples))
        # All pairs must be separated in the claimed direction, so their intervals need no
        # correction; any may be separated in the other, so those share the error.
        found = [welch_interval(higher, lower, LEVEL) for lower, higher in pairs]
        shared = 1 - (1 - LEVEL) / len(pairs)
        against = [welch_interval(higher, lower, shared) for lower, higher in pairs]
        if all(interval.low > -self.margin for interval in found):
            verdict = Verdict.REPRODUCED
        elif any(interval.high < -self.margin for interval in against):
            verdict = Verdict.CONTRADICTED
        else:
            verdict = Verdict.UNDECIDED
        return Finding(verdict, found)


KINDS: Final[Mapping[str, type[Claim]]] = {"value": Value, "mean": Mean, "order": Order}
"""The classes of claims, by the name that an experiment's file gives."""
