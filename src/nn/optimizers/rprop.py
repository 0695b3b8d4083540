"""Rprop: each parameter has a step size that follows the signs of its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..component import Interval, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Rprop(Optimizer):
    """θ ← θ - Δ·sign(g), where Δ grows while the sign of g stays and shrinks when it changes.

    Δ ← Δη₊ if g has the sign of the step before, and Δη₋ if it has the opposite one; then g counts
    as 0 in this step and the next. Δ stays within its bounds. A schedule multiplies Δ in the step.

    Only the sign of a gradient counts, so the gradient must be that of all rows.

    Parameters
    ----------
    lr : float, default 0.01
        Initial step size Δ.
    eta_minus, eta_plus : float, default 0.5 and 1.2
        Factors η₋, in (0, 1), and η₊, at least 1.
    min_step, max_step : float, default 1e-6 and 50
        Bounds of the step size.

    Raises
    ------
    ValueError
        If `min_step` is above `max_step`.

    References
    ----------
    Riedmiller & Braun 1993, "A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm"; this variant, iRprop⁻: Igel & Hüsken 2000, "Improving the Rprop learning
    algorithm".
    """

    name: ClassVar[str] = "rprop"
    state: ClassVar[tuple[str, ...]] = ("sign", "step")
    scratch: ClassVar[int] = 2
    full_batch: ClassVar[bool] = True
    lr: Positive = 0.01
    eta_minus: Annotated[float, Interval(0, 1, "neither")] = 0.5
    eta_plus: Annotated[float, Interval(1)] = 1.2
    min_step: Positive = 1e-6
    max_step: Positive = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_step > self.max_step:
            raise ValueError(
                f"Rprop: min_step must be at most max_step ({self.max_step:g}), "
                f"but is {self.min_step:g}"
            )

    def initial_state(self) -> dict[str, float]:
        return {"step": self.lr}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "schedule": h.schedule,
            "growth": h.eta_plus - 1,
            "shrinkage": 1 - h.eta_minus,
            "min_step": h.min_step,
            "max_step": h.max_step,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        factor, kept = work
        np.sign(g, out=g)
        np.multiply(g, s.sign, out=factor)  # 1: the same sign; -1: the opposite one; 0: no sign
        np.minimum(factor, 0, out=kept)
        np.maximum(factor, 0, out=factor)
        factor *= c.growth
        factor += 1
        s.step *= factor
        np.multiply(kept, c.shrinkage, out=factor)
        factor += 1
        s.step *= factor
        np.maximum(s.step, c.min_step, out=s.step)
        np.minimum(s.step, c.max_step, out=s.step)
        kept += 1
        g *= kept
        np.copyto(s.sign, g)
        g *= s.step
        g *= c.schedule
        theta -= g
