"""Learning-rate schedules: factors that multiply the optimizer's rate.

A schedule measures time u = 0, 1, 2, ... in epochs or in steps, according to its ``by``. With
``warmup`` w the factor rises linearly, (u+1)/w, during the first w units; the schedule itself then
covers the remaining time.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from .component import Component, Count, Decay, Fraction, Interval, NonNegative, Positive
from .typing import Float64Array

State = dict[str, float]
Factor = Annotated[float, Interval(0, 1, "right")]


@dataclass(frozen=True)
class Schedule(Component):
    """Base of the schedules.

    Parameters
    ----------
    by : {"epoch", "step"}, default "epoch"
        Unit of time.
    warmup : float, default 0
        Length of the linear warm-up in that unit.
    """

    by: Literal["epoch", "step"] = "epoch"
    warmup: NonNegative = 0

    def factors(
        self, u: Float64Array, total: float, state: Mapping[str, float] | None = None
    ) -> Float64Array:
        """Compute the factors at given times.

        Parameters
        ----------
        u : ndarray of shape (n,)
            Times in the schedule's unit, from 0.
        total : float
            Length of the whole training in that unit.
        state : mapping of str to float, optional
            The state that :meth:`observe` updates.

        Returns
        -------
        ndarray of shape (n,), float64
        """
        u = np.asarray(u, np.float64)
        after = np.maximum(u - self.warmup, 0)
        factors = self.shape(after, max(total - self.warmup, 1), state or self.initial_state())
        if self.warmup == 0:
            return factors
        return np.where(u < self.warmup, np.minimum((u + 1) / self.warmup, 1), factors)

    @abstractmethod
    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        """Return the factors at times `u` after the warm-up.

        Parameters
        ----------
        u : ndarray of shape (n,)
            Times since the end of the warm-up.
        total : float
            Length of the training after the warm-up.
        state : mapping of str to float
            The state that :meth:`observe` updates.

        Returns
        -------
        ndarray of shape (n,), float64
        """

    @property
    def is_constant(self) -> bool:
        """Whether all factors are 1."""
        return False

    @property
    def sets_momentum(self) -> bool:
        """Whether the schedule also sets the optimizer's momentum, by :meth:`momenta`."""
        return False

    def momenta(self, u: Float64Array, total: float) -> Float64Array:
        """Compute the momentum at given times, if the schedule :attr:`sets_momentum`.

        Parameters
        ----------
        u, total
            See :meth:`factors`.

        Returns
        -------
        ndarray of shape (n,), float64
        """
        raise NotImplementedError

    @property
    def observes(self) -> bool:
        """Whether the schedule follows the validation loss, that is, overrides :meth:`observe`."""
        return type(self).observe is not Schedule.observe

    def initial_state(self) -> State:
        """Return the state before the first epoch; empty for most schedules."""
        return {}

    def observe(self, state: State, value: float) -> None:
        """Update `state` with the validation loss of an epoch."""


@dataclass(frozen=True)
class Constant(Schedule):
    """A factor of 1 throughout."""

    name: ClassVar[str] = "constant"

    @property
    def is_constant(self) -> bool:
        return self.warmup == 0

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return np.ones_like(u)


@dataclass(frozen=True)
class Step(Schedule):
    """γ^⌊u/every⌋.

    Parameters
    ----------
    every : int, default 10
        Units of time between drops.
    gamma : float, default 0.1
        Factor γ of each drop, in (0, 1].
    """

    name: ClassVar[str] = "step"
    every: Count = 10
    gamma: Factor = 0.1

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return np.power(self.gamma, np.floor(u / self.every))


@dataclass(frozen=True)
class Exponential(Schedule):
    """γ^u.

    Parameters
    ----------
    gamma : float, default 0.95
        Factor γ for each unit of time, in (0, 1].
    """

    name: ClassVar[str] = "exponential"
    gamma: Factor = 0.95

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return np.power(self.gamma, u)


@dataclass(frozen=True)
class InverseSquareRoot(Schedule):
    """1/√t with t = u + 1, where u counts from the end of the warm-up.

    The schedule of Transformers (Vaswani et al. 2017) counts from the start of training.
    """

    name: ClassVar[str] = "inverse_square_root"

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return 1 / np.sqrt(u + 1)


@dataclass(frozen=True)
class Transformer(Schedule):
    """min(t/w, √(w/t)) with t = u + 1: a linear warm-up of w, then a fall as 1/√t.

    The optimizer's `lr` is the highest rate. The rate of the paper, for a model of width d, is that
    of lr = 1/√(d·w).

    Parameters
    ----------
    by : {"epoch", "step"}, default "step"
        Unit of time.
    warmup : float, default 4000
        Length w of the warm-up in that unit.

    References
    ----------
    Vaswani et al. 2017, "Attention is all you need", eq. 3.
    """

    name: ClassVar[str] = "transformer"
    by: Literal["epoch", "step"] = "step"
    warmup: Positive = 4000

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return np.sqrt(self.warmup / (u + self.warmup + 1))


@dataclass(frozen=True)
class WarmupStableDecay(Schedule):
    """1 until the last part of the training, and then a fall to `end`.

    With the linear warm-up that every schedule has, this is the trapezoid of Zhai et al. 2022 and
    the warm-up–stable–decay of Hu et al. 2024.

    Parameters
    ----------
    decay : float, default 0.2
        Share of the training after the warm-up in which the rate falls, in (0, 1].
    end : float, default 0.0
        Factor at the end of training, in [0, 1].
    form : {"linear", "cosine", "sqrt"}, default "linear"
        The curve of the fall, with s the share of it that is over: 1 - s, ½(1 + cos πs) or
        1 - √s (Hägele et al. 2024).
    """

    name: ClassVar[str] = "wsd"
    decay: Factor = 0.2
    end: Fraction = 0.0
    form: Literal["linear", "cosine", "sqrt"] = "linear"

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        length = self.decay * total
        over = np.clip((u - (total - length)) / length, 0, 1)
        if self.form == "cosine":
            left = 0.5 * (1 + np.cos(math.pi * over))
        else:
            left = 1 - (np.sqrt(over) if self.form == "sqrt" else over)
        return self.end + (1 - self.end) * left


@dataclass(frozen=True)
class Polynomial(Schedule):
    """end + (1 - end)(1 - u/total)^power.

    Parameters
    ----------
    power : float, default 1.0
        Exponent; 1 gives a straight line.
    end : float, default 0.0
        Factor at the end of training, in [0, 1].
    """

    name: ClassVar[str] = "polynomial"
    power: Positive = 1.0
    end: Fraction = 0.0

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        left = np.clip(1 - u / total, 0, 1)
        return self.end + (1 - self.end) * np.power(left, self.power)


@dataclass(frozen=True)
class Cosine(Schedule):
    """end + (1 - end)·½(1 + cos(πu/T)), restarted after each period T if one is given.

    Parameters
    ----------
    period : int, optional
        Length of the first period; by default the whole training, without restarts.
    growth : float, default 1.0
        Ratio of the lengths of successive periods, at least 1.
    end : float, default 0.0
        Factor at the end of a period, in [0, 1]: the floor of the rate.
    restarts : bool, default True
        Whether the rate restarts after a period; otherwise it stays at the floor.

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5.
    """

    name: ClassVar[str] = "cosine"
    period: Count | None = None
    growth: Annotated[float, Interval(1)] = 1.0
    end: Fraction = 0.0
    restarts: bool = True

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        if self.period is None or not self.restarts:
            phase = np.minimum(u / (self.period or total), 1)
        elif self.growth == 1:
            phase = (u % self.period) / self.period
        else:
            # Period i starts at period·(growth^i - 1)/(growth - 1).
            i = np.floor(
                np.log1p(u * (self.growth - 1) / self.period) / math.log(self.growth) + 1e-9
            )
            start = self.period * (np.power(self.growth, i) - 1) / (self.growth - 1)
            phase = (u - start) / (self.period * np.power(self.growth, i))
        return self.end + (1 - self.end) * 0.5 * (1 + np.cos(math.pi * phase))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """A rise from `start` to 1 and a fall to `end`, each along half a cosine.

    Parameters
    ----------
    rise : float, default 0.3
        Share of the training in which the rate rises, in [0, 1].
    start : float, default 0.04
        Factor at the start, in (0, 1].
    end : float, default 4e-6
        Factor at the end, in [0, 1].
    peak : {"share", "pytorch"}, default "share"
        The time of the peak, for a training of T units: rise·(T-1), or as in PyTorch's
        `OneCycleLR` rise·T - 1.
    low_momentum, high_momentum : float, optional
        Momentum at the peak and at both ends, between which it moves as the rate does, in the
        other direction; PyTorch has 0.85 and 0.95. By default the optimizer's is left alone.

    References
    ----------
    Smith & Topin 2019, "Super-convergence: very fast training using large learning rates".
    """

    name: ClassVar[str] = "one_cycle"
    rise: Fraction = 0.3
    start: Factor = 0.04
    end: Fraction = 4e-6
    peak: Literal["share", "pytorch"] = "share"
    low_momentum: Decay | None = None
    high_momentum: Decay | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.low_momentum is None) != (self.high_momentum is None):
            raise ValueError("give both low_momentum and high_momentum, or neither")

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return self._cycle(u, total, self.start, 1.0, self.end)

    @property
    def sets_momentum(self) -> bool:
        return self.low_momentum is not None

    def momenta(self, u: Float64Array, total: float) -> Float64Array:
        assert self.low_momentum is not None
        assert self.high_momentum is not None
        after, left = np.maximum(u - self.warmup, 0), max(total - self.warmup, 1)
        return self._cycle(after, left, self.high_momentum, self.low_momentum, self.high_momentum)

    def _cycle(
        self, u: Float64Array, total: float, start: float, middle: float, end: float
    ) -> Float64Array:
        """Return a value that moves from `start` to `middle` at the peak, and on to `end`."""
        last = max(total - 1, 1)  # the last unit of time gets the value `end`
        peak = max(self.rise * total - 1, 0) if self.peak == "pytorch" else self.rise * last
        up = np.clip(u / peak, 0, 1) if peak > 0 else np.ones_like(u)
        down = np.clip((u - peak) / (last - peak), 0, 1) if last > peak else np.zeros_like(u)
        rising = start + (middle - start) * 0.5 * (1 - np.cos(math.pi * up))
        falling = end + (middle - end) * 0.5 * (1 + np.cos(math.pi * down))
        return np.where(u < peak, rising, falling)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Multiply by `gamma` whenever the validation loss has not improved for `patience` epochs.

    Parameters
    ----------
    gamma : float, default 0.1
        Factor of each reduction, in (0, 1].
    patience : int, default 5
        Number of epochs without improvement before a reduction, as in Keras; PyTorch waits for one
        epoch more, so its patience of 10 is 11 here.
    threshold : float, default 1e-4
        Smallest improvement that counts, relative to the best loss.
    minimum : float, default 1e-4
        Smallest factor, in [0, 1].
    cooldown : int, default 0
        Number of epochs after a reduction that are not counted, as in PyTorch; Keras counts the
        last one of them, so its cooldown of 3 is 2 here.
    """

    name: ClassVar[str] = "reduce_on_plateau"
    gamma: Factor = 0.1
    patience: Count = 5
    threshold: NonNegative = 1e-4
    minimum: Fraction = 1e-4
    cooldown: Annotated[int, Interval(0)] = 0

    def shape(self, u: Float64Array, total: float, state: Mapping[str, float]) -> Float64Array:
        return np.full_like(u, state["factor"])

    def initial_state(self) -> State:
        return {"factor": 1.0, "best": math.inf, "waited": 0.0, "cooling": 0.0}

    def observe(self, state: State, value: float) -> None:
        if math.isinf(state["best"]) or value < state["best"] - self.threshold * abs(state["best"]):
            state["best"], state["waited"] = value, 0.0
        else:
            state["waited"] += 1
        if state["cooling"] > 0:
            state["cooling"] -= 1
            state["waited"] = 0.0
        if state["waited"] >= self.patience:
            state["factor"] = max(state["factor"] * self.gamma, self.minimum)
            state["waited"], state["cooling"] = 0.0, float(self.cooldown)
