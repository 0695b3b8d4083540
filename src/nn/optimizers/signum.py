"""Signum: the sign of the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Signum(Optimizer):
    """m ← βm + (1-β)g; θ ← θ(1 - ηλ) - η·sign(m).

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate η.
    beta : float, default 0.9
        Decay β of the average, in [0, 1). With 0 this is signSGD.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Bernstein, Wang, Azizzadenesheli & Anandkumar 2018, "signSGD: compressed optimisation for
    non-convex problems", Algorithm 2.
    """

    name: ClassVar[str] = "signum"
    state: ClassVar[tuple[str, ...]] = ("m",)
    decoupled: ClassVar[bool] = True
    lr: Positive = 0.001
    beta: Decay = 0.9

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {"lr": h.lr, "beta": h.beta, "gain": 1 - h.beta}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.m *= c.beta
        g *= c.gain
        s.m += g
        np.sign(s.m, out=g)
        g *= c.lr
        theta -= g
