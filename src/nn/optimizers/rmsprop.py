"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Fraction, Positive
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s ← ρs + (1-ρ)g²; θ ← θ - ηg/(√s + ε).

    If centred, ḡ ← ρḡ + (1-ρ)g, and s - ḡ² replaces s. With momentum μ,
    v ← μv + g/(√s + ε); θ ← θ - ηv.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate η.
    rho : float, default 0.99
        Decay ρ of the averages, in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    momentum : float, default 0.0
        Momentum μ, in [0, 1], of the quotient.
    centered : bool, default False
        Whether to divide by the deviation instead of the root mean square.

    References
    ----------
    Tieleman & Hinton 2012, lecture 6.5 of "Neural networks for machine learning"; centred:
    Graves 2013, "Generating sequences with recurrent neural networks", eq. 38-45.
    """

    name: ClassVar[str] = "rmsprop"
    scratch: ClassVar[int] = 2
    lr: Positive = 0.01
    rho: Decay = 0.99
    eps: Positive = 1e-8
    momentum: Fraction = 0.0
    centered: bool = False

    def slots(self) -> tuple[str, ...]:
        return ("s", *(["mean"] * self.centered), *(["v"] * (self.momentum > 0)))

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "lr": h.lr,
            "rho": h.rho,
            "gain": 1 - h.rho,
            "eps": h.eps,
            "momentum": h.momentum,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        root, spare = work
        np.multiply(g, g, out=root)
        root *= c.gain
        s.s *= c.rho
        s.s += root
        if c.centered:
            s.mean *= c.rho
            s.mean += np.multiply(g, c.gain, out=spare)
            np.multiply(s.mean, s.mean, out=spare)
            np.subtract(s.s, spare, out=root)
            np.maximum(root, 0, out=root)  # rounding may push a variance of 0 below it
            np.sqrt(root, out=root)
        else:
            np.sqrt(s.s, out=root)
        root += c.eps
        g /= root
        direction = g
        if hasattr(s, "v"):
            s.v *= c.momentum
            s.v += g
            direction = s.v
        theta -= np.multiply(direction, c.lr, out=g)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        variance = np.maximum(s.s - s.mean**2, 0) if h.centered else s.s
        found: Float64Array = np.sqrt(variance) + h.eps
        return found
