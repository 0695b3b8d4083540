"""Adam in the infinity norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Adamax(Optimizer):
    """m ← β₁m + (1-β₁)g; u ← max(β₂u, abs(g) + ε); θ ← θ - η/(1-β₁ᵗ)·m/u.

    Parameters
    ----------
    lr : float, default 0.002
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the average of g and of the maximum, in [0, 1).
    eps : float, default 1e-8
        Constant ε inside the maximum, which keeps u above 0. The paper has none.

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", section 7.
    """

    name: ClassVar[str] = "adamax"
    state: ClassVar[tuple[str, ...]] = ("m", "u")
    lr: Positive = 0.002
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "gain1": 1 - h.beta1,
            "eps": h.eps,
            "step": h.lr / (1 - h.beta1**t),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.m *= c.beta1
        s.m += np.multiply(g, c.gain1, out=work[0])
        s.u *= c.beta2
        np.abs(g, out=g)
        g += c.eps
        np.maximum(s.u, g, out=s.u)
        np.divide(s.m, s.u, out=g)
        g *= c.step
        theta -= g
