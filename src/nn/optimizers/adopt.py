"""ADOPT: a gradient is normalized by the gradients before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class ADOPT(Optimizer):
    """q = clip(g/max(√v, ε), ±(t-1)^¼); m ← β₁m + (1-β₁)q; v ← β₂v + (1-β₂)g²; θ ← θ - ηm.

    The first step only sets v to g² and leaves the parameters where they are.

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.9999
        Decay of the averages of q and g², in [0, 1).
    eps : float, default 1e-6
        Smallest divisor ε.

    References
    ----------
    Taniguchi et al. 2024, "ADOPT: modified Adam can converge with any β₂ with the optimal rate",
    the clipped version.
    """

    name: ClassVar[str] = "adopt"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.9999
    eps: Positive = 1e-6

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        bound = np.full((1, 1), (t - 1) ** 0.25)  # 0 at first: the parameters stay
        return {
            "lr": h.lr,
            "beta1": h.beta1,
            "beta2": h.beta2,
            "gain1": 1 - h.beta1,
            "gain2": 1 - h.beta2 if t > 1 else np.ones((1, 1)),
            "eps": h.eps,
            "low": -bound,
            "high": bound,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        quotient = np.sqrt(s.v, out=work[0])
        np.maximum(quotient, c.eps, out=quotient)
        np.divide(g, quotient, out=quotient)
        np.maximum(quotient, c.low, out=quotient)
        np.minimum(quotient, c.high, out=quotient)
        quotient *= c.gain1
        s.m *= c.beta1
        s.m += quotient
        s.v *= c.beta2
        g *= g
        g *= c.gain2
        s.v += g
        theta -= np.multiply(s.m, c.lr, out=g)
