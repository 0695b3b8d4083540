"""Measures: the numbers of a run that are compared with a published result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from experiments.errors import ConfigError
from experiments.runs.record import Record
from nn.component import Component, Finite, Interval, NonNegative, suggestion

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Measure(Component):
    """A number for each run, from its summary or its learning curves.

    Parameters
    ----------
    metric : str
        A metric of the summary, such as ``test/accuracy``; with any of the other fields, a column
        of the learning curves, such as ``val/accuracy``.
    epoch : int, optional
        The epoch at which the curve is read; 0 is before training.
    since : int, optional
        The first of the epochs over whose measured values the median is taken.
    extreme : {"max", "min"}, optional
        The largest or smallest value of the curve.
    reaches : float, optional
        The value to reach; the number of epochs or steps until then is measured.
    higher : bool, default True
        Whether `reaches` is reached from below.
    unit : {"epoch", "step"}, default "epoch"
        The unit of that number.
    only_if : str, optional
        A metric of the summary that must be 1 for a run to count, such as
        ``final/train_accuracy``, where the source speaks of runs that have learnt the task.
    never : float, optional
        The time that counts for a run that does not reach it; by default infinity, with which no
        interval is bounded. Where a lower bound is enough for the claim, the length of the run.
    """

    metric: str
    epoch: Annotated[int, Interval(0)] | None = None
    since: Annotated[int, Interval(0)] | None = None
    extreme: Literal["max", "min"] | None = None
    reaches: Finite | None = None
    higher: bool = True
    unit: Literal["epoch", "step"] = "epoch"
    only_if: str | None = None
    never: NonNegative | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ways > 1:
            raise ValueError("give one of epoch, since, extreme and reaches")

    @property
    def ways(self) -> int:
        """The number of ways of reading a curve that are given; 0 reads the summary."""
        given = (self.epoch, self.since, self.extreme, self.reaches)
        return sum(way is not None for way in given)

    def of_all(self, records: Iterable[Record]) -> list[float]:
        """Measure the runs that count; see :meth:`of`."""
        return [self.of(record) for record in records if self._counts(record)]

    def _counts(self, record: Record) -> bool:
        return self.only_if is None or _named(self.only_if, record.summary, record) == 1

    def of(self, record: Record) -> float:
        """Measure a run; infinity for a run that diverged.

        Raises
        ------
        ConfigError
            If the run has no such metric; the message names those that it has.
        """
        if self.ways == 0:
            value = _named(self.metric, record.summary, record)
            return math.inf if value is None else float(value)
        columns = record.metrics()
        curve = _named(self.metric, columns, record)
        if self.reaches is not None:
            return self._time_to(self.reaches, curve, columns[self.unit])
        if self.epoch is not None:
            places = np.flatnonzero(columns["epoch"] == self.epoch)
            chosen = curve[places]
        elif self.since is not None:
            chosen = curve[columns["epoch"] >= self.since]
        else:
            chosen = curve
        chosen = chosen[~np.isnan(chosen)]
        if not len(chosen):
            return math.inf
        if self.extreme is not None:
            return float(chosen.max() if self.extreme == "max" else chosen.min())
        return float(np.median(chosen))

    def _time_to(
        self, target: float, curve: NDArray[np.float64], times: NDArray[np.float64]
    ) -> float:
        there = curve >= target if self.higher else curve <= target
        places = np.flatnonzero(there)
        if len(places):
            return float(times[places[0]])
        return math.inf if self.never is None else self.never


def _named(metric: str, known: Mapping[str, T], record: Record) -> T:
    if metric not in known:
        raise ConfigError(
            f"{record.name} has no metric {metric!r}{suggestion(metric, known)} "
            f"(it has {', '.join(known)})"
        )
    return known[metric]
