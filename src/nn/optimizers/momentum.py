"""SGD with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Fraction, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μv + (1-d)g, with v = g at the first step; θ ← θ - ηv.

    Parameters
    ----------
    lr : float, default 0.1
        Learning rate η.
    momentum : float, default 0.9
        Momentum μ, in [0, 1].
    dampening : float, default 0.0
        Dampening d, in [0, 1].

    References
    ----------
    Polyak 1964, "Some methods of speeding up the convergence of iteration methods".
    """

    name: ClassVar[str] = "momentum"
    state: ClassVar[tuple[str, ...]] = ("v",)
    lr: Positive = 0.1
    momentum: Fraction = 0.9
    dampening: Fraction = 0.0

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        gain = 1 - h.dampening if t > 1 else np.ones((1, 1))
        return {"lr": h.lr, "momentum": h.momentum, "gain": gain}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.v *= c.momentum
        g *= c.gain
        s.v += g
        theta -= np.multiply(s.v, c.lr, out=g)
