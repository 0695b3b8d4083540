"""L-BFGS with a line search."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..component import Interval, NonNegative, Positive
from ..typing import Array, Float64Array
from .line_search import Point, Search, strong_wolfe
from .optimizer import Coefficients, Namespace, Optimizer
from .rule import Rule

_CURVED = 1e-10
"""The least product of a step and the change of the gradient that counts as curvature."""


class SearchRule(Rule):
    """The steps of runs by L-BFGS, whose line searches advance together.

    The state holds the last steps and changes of the gradient in a ring, the gradient at the
    parameters, and as running numbers their loss and how many pairs have been stored.
    """

    optimizers: list[LBFGS]  # type: ignore[assignment]

    def search(
        self,
        theta: Array,
        g: Array,
        t: int,
        factor: Float64Array | None,
        evaluate: Callable[[], Float64Array],
    ) -> NDArray[np.int64]:
        counts = np.zeros(len(theta), np.int64)
        if t == 1:
            self.running["loss"][:, 0] = self._with_decay(theta, g, evaluate())
            self.state["gradient"][...] = g
            counts += 1
        starts = theta.copy()
        lines: dict[int, tuple[Float64Array, Search, float]] = {}  # of runs that still search
        for run in range(len(theta)):
            rate = 1.0 if factor is None else float(factor[run, 0])
            line = self._line(run, t, rate)
            if line is not None:
                direction, search = line
                lines[run] = direction, search, next(search)
        gradients: dict[int, dict[float, Array]] = {run: {} for run in lines}
        while lines:
            for run, (direction, _, place) in lines.items():
                theta[run] = starts[run] + place * direction
            losses = self._with_decay(theta, g, evaluate())
            for run, (direction, search, place) in list(lines.items()):
                counts[run] += 1
                gradients[run][place] = g[run].copy()
                slope = float(np.dot(g[run].astype(np.float64), direction))
                try:
                    lines[run] = direction, search, search.send((float(losses[run]), slope))
                except StopIteration as stop:
                    del lines[run]
                    end: Point = stop.value
                    theta[run] = starts[run] + end.t * direction
                    self._move(run, end, direction, gradients[run])
        g[...] = self.state["gradient"]
        return counts

    def _line(self, run: int, t: int, rate: float) -> tuple[Float64Array, Search] | None:
        """Return the direction of a run and the search along it; None if the loss does not fall."""
        optimizer = self.optimizers[run]
        gradient = self.state["gradient"][run].astype(np.float64)
        direction = self._direction(run, gradient)
        start = Point(0.0, float(self.running["loss"][run, 0]), float(np.dot(gradient, direction)))
        if not (math.isfinite(start.value) and -math.inf < start.slope < -optimizer.tolerance):
            return None
        first = optimizer.lr * rate
        if t == 1:
            first *= min(1.0, 1 / float(np.abs(gradient).sum()))
        shortest = optimizer.tolerance / float(np.abs(direction).max())
        return direction, strong_wolfe(start, first, shortest, optimizer.evaluations)

    def _direction(self, run: int, gradient: Float64Array) -> Float64Array:
        """Return -Hg by the two loops of Nocedal & Wright 2006, Algorithm 7.4."""
        stored = int(self.running["pairs"][run, 0])
        length = self.optimizers[run].history
        pairs = [
            (
                self.state[f"step{place}"][run].astype(np.float64),
                self.state[f"change{place}"][run].astype(np.float64),
            )
            for place in (n % length for n in range(max(stored - length, 0), stored))
        ]
        direction = -gradient
        shares = []
        for step, change in reversed(pairs):
            share = np.dot(step, direction) / np.dot(step, change)
            direction -= share * change
            shares.append(share)
        if pairs:
            step, change = pairs[-1]
            direction *= np.dot(step, change) / np.dot(change, change)
        for (step, change), share in zip(pairs, reversed(shares), strict=True):
            direction += (share - np.dot(change, direction) / np.dot(step, change)) * step
        return direction

    def _move(
        self, run: int, end: Point, direction: Float64Array, gradients: dict[float, Array]
    ) -> None:
        """Store the step to `end`; forget the pairs if the search came back to where it began."""
        if end.t == 0:
            self.running["pairs"][run] = 0
            return
        step = end.t * direction
        change = gradients[end.t].astype(np.float64) - self.state["gradient"][run]
        stored = int(self.running["pairs"][run, 0])
        if np.dot(step, change) > _CURVED:
            place = stored % self.optimizers[run].history
            self.state[f"step{place}"][run] = step
            self.state[f"change{place}"][run] = change
            self.running["pairs"][run] = stored + 1
        self.state["gradient"][run] = gradients[end.t]
        self.running["loss"][run] = end.value

    def _with_decay(self, theta: Array, g: Array, losses: Float64Array) -> Float64Array:
        """Add weight decay, ½λ‖θ‖², to the losses and the gradients."""
        if not self.decays:
            return losses
        decayed = theta[:, : self.decayed]
        strength = np.array([[optimizer.weight_decay] for optimizer in self.optimizers])
        g[:, : self.decayed] += strength.astype(theta.dtype) * decayed
        squares = [float(np.dot(row, row)) for row in decayed.astype(np.float64)]
        return losses + 0.5 * strength[:, 0] * squares

    def flush(self) -> None:
        """Leave subnormal numbers, of which there are few: nothing here decays to 0."""


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """θ ← θ + td, d = -Hg, where H approximates the inverse Hessian and t is searched.

    H follows from the last steps and changes of the gradient by the BFGS formula, and fulfils the
    secant equation for the last pair. The step t fulfils the strong Wolfe conditions; the first
    one that is tried is `lr` times the schedule, and in the first step min(1, 1/‖g‖₁) of it.

    The loss has to be the same function in every evaluation: that of all rows, without dropout.

    Parameters
    ----------
    lr : float, default 1.0
        The first step that is tried.
    history : int, default 10
        Number of pairs that H follows from, in [1, 100].
    evaluations : int, default 25
        Largest number of evaluations in a step, in [1, 1000].
    tolerance : float, default 1e-9
        The search ends when its bracket, times the largest entry of d, is shorter; and no step is
        taken where the slope along d is above minus this.
    weight_decay : float, default 0.0
        Strength λ of the penalty ½λ‖θ‖², which belongs to the loss.

    Raises
    ------
    ValueError
        If it is to be combined with SAM, Lookahead or groups, which a line search rules out.

    References
    ----------
    Liu & Nocedal 1989, "On the limited memory BFGS method for large scale optimization"; Nocedal &
    Wright 2006, "Numerical optimization", Algorithms 7.5, 3.5 and 3.6.
    """

    name: ClassVar[str] = "lbfgs"
    running: ClassVar[tuple[str, ...]] = ("pairs", "loss")
    full_batch: ClassVar[bool] = True
    searches: ClassVar[bool] = True
    rule: ClassVar[type[Rule]] = SearchRule
    lr: Positive = 1.0
    history: Annotated[int, Interval(1, 100)] = 10
    evaluations: Annotated[int, Interval(1, 1000)] = 25
    tolerance: NonNegative = 1e-9

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, off in (("sam", 0.0), ("lookahead", 0), ("groups", ())):
            if getattr(self, name) != off:
                raise ValueError(
                    f"LBFGS: {name} does not go with a search along one line; "
                    f"set {name} to {list(off) if isinstance(off, tuple) else off}"
                )

    def slots(self) -> tuple[str, ...]:
        pairs = (f"{what}{place}" for place in range(self.history) for what in ("step", "change"))
        return ("gradient", *pairs)

    def initial_state(self) -> dict[str, float]:
        return {"pairs": 0.0, "loss": 0.0}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        raise NotImplementedError

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: object) -> None:
        raise NotImplementedError
