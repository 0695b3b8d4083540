"""Averages of the weights that training passes through, which are evaluated in their place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from .component import Component, Count, Decay, Interval
from .some_runs import SomeRuns
from .speed.buffers import Memory
from .typing import Array


@dataclass(frozen=True)
class Averaging(Component):
    """Base of the averages of weights; time is counted in steps, and `start` in epochs.

    Attributes
    ----------
    averages : bool
        Whether weights are averaged at all.
    """

    averages: ClassVar[bool] = True

    @abstractmethod
    def count(self, t: int, per_epoch: int, epochs: int) -> int:
        """Return how many weights are averaged after step `t`.

        Parameters
        ----------
        t : int
            Number of steps that were taken.
        per_epoch : int
            Number of steps of an epoch.
        epochs : int
            Length of the training.
        """

    @abstractmethod
    def share(self, n: int) -> float:
        """Return the share of the `n`-th weights, from 1, in the average of the first n."""

    def check(self, steps: int, per_epoch: int, epochs: int) -> None:
        """Check that a training of so many steps averages any weights.

        Raises
        ------
        ValueError
            If it does not.
        """
        if self.averages and self.count(steps, per_epoch, epochs) < 1:
            raise ValueError(
                f"{self.label} begins after the end, as it averages no weights in {epochs} epochs; "
                "choose a smaller start, or train longer"
            )


@dataclass(frozen=True)
class NoAveraging(Averaging):
    """The weights after the last step are evaluated."""

    name: ClassVar[str] = "none"
    averages: ClassVar[bool] = False

    def count(self, t: int, per_epoch: int, epochs: int) -> int:
        return 0

    def share(self, n: int) -> float:
        return 0.0


@dataclass(frozen=True)
class ExponentialAverage(Averaging):
    """a ← da + (1-d)θ after each step, from a = θ after the first one on.

    Parameters
    ----------
    decay : float, default 0.999
        Decay d, in [0, 1).
    start : int, default 0
        Number of epochs before the average begins; it is then of the weights since.

    References
    ----------
    Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging"; with decay:
    Tarvainen & Valpola 2017, "Mean teachers are better role models", eq. 4.
    """

    name: ClassVar[str] = "ema"
    decay: Decay = 0.999
    start: Annotated[int, Interval(0)] = 0

    def count(self, t: int, per_epoch: int, epochs: int) -> int:
        return max(t - self.start * per_epoch, 0)

    def share(self, n: int) -> float:
        return 1 - self.decay if n > 1 else 1.0


@dataclass(frozen=True)
class StochasticWeightAverage(Averaging):
    """The mean of the weights at the ends of epochs.

    Parameters
    ----------
    start : int, optional
        Number of epochs before the average begins; by default three quarters of all.
    every : int, default 1
        Number of epochs after the start until weights count, and from then to the next that do.

    References
    ----------
    Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization",
    Algorithm 1.
    """

    name: ClassVar[str] = "swa"
    start: Annotated[int, Interval(0)] | None = None
    every: Count = 1

    def count(self, t: int, per_epoch: int, epochs: int) -> int:
        start = epochs * 3 // 4 if self.start is None else self.start
        return max(t // per_epoch - start, 0) // self.every

    def share(self, n: int) -> float:
        return 1 / n


class Averages(SomeRuns):
    """The average of each run of a stack that has one.

    Parameters
    ----------
    averagings : sequence of Averaging
        The average of each run.
    per_epoch : int
        Number of steps of an epoch.
    epochs : sequence of int
        Length of the training of each run.
    size : int
        Number of parameters.
    memory : Memory
        The memory in which the averages are allocated.

    Attributes
    ----------
    weights : ndarray of shape (len(rows), P)
        The averages. Only those that have started are meaningful.
    """

    def __init__(
        self,
        averagings: Sequence[Averaging],
        per_epoch: int,
        epochs: Sequence[int],
        size: int,
        memory: Memory,
    ) -> None:
        super().__init__([averaging.averages for averaging in averagings])
        self._averagings = [averagings[row] for row in self.rows]
        self._epochs = [epochs[row] for row in self.rows]
        self._per_epoch = per_epoch
        self.weights = memory.zeros((len(self.rows), size))

    def counts(self, t: int) -> list[int]:
        """Return how many weights each of the averages has after step `t`."""
        return [
            averaging.count(t, self._per_epoch, epochs)
            for averaging, epochs in zip(self._averagings, self._epochs, strict=True)
        ]

    def follow(self, parameters: Array, t: int) -> None:
        """Add the parameters (runs, P) after step `t` to the averages that are due."""
        before, after = self.counts(t - 1), self.counts(t)
        due = [place for place, n in enumerate(after) if n > before[place]]
        if not due:
            return
        shares = [[self._averagings[place].share(after[place])] for place in due]
        new = parameters[[self.rows[place] for place in due]]
        average = self.weights[due]
        change = (new - average) * np.array(shares, parameters.dtype)
        first = [n for n, [share] in enumerate(shares) if share == 1]
        average += change
        average[first] = new[first]
        self.weights[due] = average

    def keep(self, runs: Sequence[int], memory: Memory) -> None:
        """Remove all runs but these."""
        stay = self.restrict(runs)
        self.weights = memory.rows(self.weights, stay)
        self._averagings = [self._averagings[place] for place in stay]
        self._epochs = [self._epochs[place] for place in stay]
