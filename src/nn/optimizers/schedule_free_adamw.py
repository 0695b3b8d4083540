"""Schedule-Free AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..component import Decay, Interval, NonNegative, Positive
from ..typing import Array, Float64Array
from . import schedule_free
from .adam import divisor
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class ScheduleFreeAdamW(Optimizer):
    """v ← β₂v + (1-β₂)g²; z ← z - η[g/(√v̂ + ε) + λy]; x ← (1-c)x + cz; y = (1-β₁)z + β₁x.

    Here v̂ = v/(1-β₂ᵗ) and c = wₜ/Σw, wₜ = tʳ·(max η)ᵖ; g and weight decay are taken at y, and x is
    evaluated. The state holds v/(1-β₂).

    Parameters
    ----------
    lr : float, default 0.0025
        Learning rate η after the warm-up.
    beta1 : float, default 0.9
        The share β₁ of the average in the point where gradients are taken, in (0, 1).
    beta2 : float, default 0.999
        Decay of the average of g², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    warmup_steps : int, default 0
        Number of steps in which the learning rate rises linearly.
    weight_power : float, default 0.0
        Power r of the number of the step in the weights of the average, at least 0.
    rate_power : float, default 2.0
        Power p of the highest learning rate so far in the weights of the average, at least 0.

    References
    ----------
    Defazio et al. 2024, "The road less scheduled", Algorithm 1; v̂ as in the authors' implementation
    since its version 1.3 (the paper multiplies η by √(1-β₂ᵗ), which differs by ε alone but for the
    weights of the average).
    """

    name: ClassVar[str] = "schedule_free_adamw"
    state: ClassVar[tuple[str, ...]] = ("gap", "v")
    running: ClassVar[tuple[str, ...]] = schedule_free.RUNNING
    decoupled: ClassVar[bool] = True
    lr: Positive = 0.0025
    beta1: Annotated[float, Interval(0, 1, "neither")] = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8
    warmup_steps: Annotated[int, Interval(0)] = 0
    weight_power: NonNegative = 0.0
    rate_power: NonNegative = 2.0

    def initial_state(self) -> dict[str, float]:
        return schedule_free.START

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        found = schedule_free.coefficients(h, t, h.beta1)
        # With V = v/(1-β₂) and r = √[(1-β₂ᵗ)/(1-β₂)]: 1/(√v̂ + ε) = r/(√V + εr)
        root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
        return found | {
            "lr": found["lr"] * root,
            "pull": found["lr"] * h.weight_decay,
            "beta2": h.beta2,
            "eps": h.eps * root,
        }

    @staticmethod
    def shrink(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        schedule_free.decay(theta, s, c, work)

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.v *= c.beta2
        s.v += np.multiply(g, g, out=work[0])
        np.sqrt(s.v, out=work[0])
        work[0] += c.eps
        g /= work[0]
        schedule_free.step(theta, g, s, c, work[0])

    @staticmethod
    def evaluated(h: Namespace, theta: Array, s: Namespace) -> Array:
        return schedule_free.evaluated(theta, s, h.beta1)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        return divisor(h, s.v, t)
