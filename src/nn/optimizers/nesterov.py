"""Nesterov's accelerated gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Fraction, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v ← μv + g; θ ← θ - η(g + μv).

    The look-ahead form of Sutskever et al., in terms of the point where the gradient is taken.

    Parameters
    ----------
    lr : float, default 0.1
        Learning rate η.
    momentum : float, default 0.9
        Momentum μ, in [0, 1].

    References
    ----------
    Nesterov 1983, "A method for solving the convex programming problem with convergence rate
    O(1/k²)"; Sutskever et al. 2013, "On the importance of initialization and momentum in deep
    learning".
    """

    name: ClassVar[str] = "nesterov"
    state: ClassVar[tuple[str, ...]] = ("v",)
    lr: Positive = 0.1
    momentum: Fraction = 0.9

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {"lr": h.lr, "momentum": h.momentum}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.v *= c.momentum
        s.v += g
        g += np.multiply(s.v, c.momentum, out=work[0])
        g *= c.lr
        theta -= g
