"""Schedule-Free SGD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..component import Interval, NonNegative, Positive
from ..typing import Array
from . import schedule_free
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class ScheduleFreeSGD(Optimizer):
    """z ← z - ηg(y); x ← (1-c)x + cz; y = (1-β)z + βx, where x is evaluated.

    Here c = wₜ/Σw, wₜ = tʳ·(max η)ᵖ. A schedule is not needed, and a warm-up is built in.

    Parameters
    ----------
    lr : float, default 1.0
        Learning rate η after the warm-up.
    beta : float, default 0.9
        The share β of the average in the point where gradients are taken, in (0, 1).
    warmup_steps : int, default 0
        Number of steps in which the learning rate rises linearly.
    weight_power : float, default 0.0
        Power r of the number of the step in the weights of the average, at least 0.
    rate_power : float, default 2.0
        Power p of the highest learning rate so far in the weights of the average, at least 0.

    References
    ----------
    Defazio et al. 2024, "The road less scheduled", eqs. 3-5 and section 4; the weights of the
    average as in the authors' implementation.
    """

    name: ClassVar[str] = "schedule_free_sgd"
    state: ClassVar[tuple[str, ...]] = ("gap",)
    running: ClassVar[tuple[str, ...]] = schedule_free.RUNNING
    lr: Positive = 1.0
    beta: Annotated[float, Interval(0, 1, "neither")] = 0.9
    warmup_steps: Annotated[int, Interval(0)] = 0
    weight_power: NonNegative = 0.0
    rate_power: NonNegative = 2.0

    def initial_state(self) -> dict[str, float]:
        return schedule_free.START

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return schedule_free.coefficients(h, t, h.beta)

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        schedule_free.step(theta, g, s, c, work[0])

    @staticmethod
    def evaluated(h: Namespace, theta: Array, s: Namespace) -> Array:
        return schedule_free.evaluated(theta, s, h.beta)
