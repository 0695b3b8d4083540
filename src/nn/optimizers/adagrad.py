"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import NonNegative, Positive
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s ← s + g²; θ ← θ - ηg/(√s + ε).

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate η.
    eps : float, default 1e-10
        Constant ε, outside the root.
    initial_accumulator : float, default 0.0
        Initial value of s.
    lr_decay : float, default 0.0
        Decay δ of the learning rate, which is η/(1 + (t-1)δ) in step t.

    References
    ----------
    Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and
    stochastic optimization".
    """

    name: ClassVar[str] = "adagrad"
    state: ClassVar[tuple[str, ...]] = ("s",)
    lr: Positive = 0.01
    eps: Positive = 1e-10
    initial_accumulator: NonNegative = 0.0
    lr_decay: NonNegative = 0.0

    def initial_state(self) -> dict[str, float]:
        return {"s": self.initial_accumulator}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {"lr": h.lr / (1 + (t - 1) * h.lr_decay), "eps": h.eps}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        root = work[0]
        s.s += np.multiply(g, g, out=root)
        np.sqrt(s.s, out=root)
        root += c.eps
        g /= root
        g *= c.lr
        theta -= g

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        found: Float64Array = np.sqrt(s.s) + h.eps
        return found
