"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """s ← ρs + (1-ρ)g²; Δ = g√(u+ε)/√(s+ε); u ← ρu + (1-ρ)Δ²; θ ← θ - ηΔ.

    Parameters
    ----------
    lr : float, default 1.0
        Learning rate η (1 in the paper).
    rho : float, default 0.9
        Decay ρ of the averages, in [0, 1).
    eps : float, default 1e-6
        Constant ε, inside the roots as in the paper.

    References
    ----------
    Zeiler 2012, "ADADELTA: an adaptive learning rate method", Algorithm 1.
    """

    name: ClassVar[str] = "adadelta"
    state: ClassVar[tuple[str, ...]] = ("s", "u")
    scratch: ClassVar[int] = 2
    lr: Positive = 1.0
    rho: Decay = 0.9
    eps: Positive = 1e-6

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {"lr": h.lr, "rho": h.rho, "gain": 1 - h.rho, "eps": h.eps}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        root, delta = work
        np.multiply(g, g, out=root)
        root *= c.gain
        s.s *= c.rho
        s.s += root
        np.add(s.u, c.eps, out=delta)
        np.sqrt(delta, out=delta)
        delta *= g
        np.add(s.s, c.eps, out=root)
        np.sqrt(root, out=root)
        delta /= root
        np.multiply(delta, delta, out=root)
        root *= c.gain
        s.u *= c.rho
        s.u += root
        delta *= c.lr
        theta -= delta
