"""Yogi: Adam whose second moment changes by an amount that does not depend on its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, NonNegative, Positive
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Yogi(Optimizer):
    """m ← β₁m + (1-β₁)g; v ← v - (1-β₂)sign(v - g²)g²; θ ← θ - η·m̂/(√v̂ + ε).

    Adam's bias corrections, m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ), are applied as in common
    implementations.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the average of g, and 1 minus the rate at which v follows g², in [0, 1).
    eps : float, default 1e-3
        Constant ε, outside the root.
    initial_accumulator : float, default 1e-6
        Initial value of v.

    References
    ----------
    Zaheer, Reddi, Sachan, Kale & Kumar 2018, "Adaptive methods for nonconvex optimization",
    Algorithm 2.
    """

    name: ClassVar[str] = "yogi"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    scratch: ClassVar[int] = 2
    lr: Positive = 0.01
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-3
    initial_accumulator: NonNegative = 1e-6

    def initial_state(self) -> dict[str, float]:
        return {"v": self.initial_accumulator}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        root = np.sqrt(1 - h.beta2**t)
        return {
            "beta1": h.beta1,
            "gain1": 1 - h.beta1,
            "gain2": 1 - h.beta2,
            "eps": h.eps * root,
            "step": h.lr * root / (1 - h.beta1**t),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        square, sign = work
        np.multiply(g, g, out=square)
        np.subtract(s.v, square, out=sign)
        np.sign(sign, out=sign)
        square *= c.gain2
        square *= sign
        s.v -= square
        s.m *= c.beta1
        g *= c.gain1
        s.m += g
        np.sqrt(s.v, out=g)
        g += c.eps
        np.divide(s.m, g, out=g)
        g *= c.step
        theta -= g

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        found: Float64Array = np.sqrt(s.v / (1 - h.beta2**t)) + h.eps
        return found
