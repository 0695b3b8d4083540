"""AdaBelief: Adam that divides by the deviation of gradients from their average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class AdaBelief(Optimizer):
    """m ← β₁m + (1-β₁)g; s ← β₂s + (1-β₂)(g - m)² + ε; θ ← θ(1 - ηλ) - η·m̂/(√ŝ + ε).

    Here m̂ = m/(1-β₁ᵗ) and ŝ = s/(1-β₂ᵗ).

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the averages of g and (g - m)², in [0, 1).
    eps : float, default 1e-16
        Constant ε, added to s in every step and to its root.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Zhuang et al. 2020, "AdaBelief optimizer: adapting stepsizes by the belief in observed
    gradients", Algorithm 2.
    """

    name: ClassVar[str] = "adabelief"
    state: ClassVar[tuple[str, ...]] = ("m", "s")
    decoupled: ClassVar[bool] = True
    lr: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-16

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        root = np.sqrt(1 - h.beta2**t)
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "gain1": 1 - h.beta1,
            "gain2": (1 - h.beta2) * h.beta1**2,
            "eps": h.eps,
            "root_eps": h.eps * root,
            "step": h.lr * root / (1 - h.beta1**t),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        # With the m of the step before, g - m is β₁ times as large. Nothing cancels in that.
        deviation = np.subtract(g, s.m, out=work[0])
        deviation *= deviation
        deviation *= c.gain2
        s.s *= c.beta2
        s.s += deviation
        s.s += c.eps
        s.m *= c.beta1
        g *= c.gain1
        s.m += g
        np.sqrt(s.s, out=g)
        g += c.root_eps
        np.divide(s.m, g, out=g)
        g *= c.step
        theta -= g

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        found: Float64Array = np.sqrt(s.s / (1 - h.beta2**t)) + h.eps
        return found
