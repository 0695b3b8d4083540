"""LARS: momentum with a rate for each tensor, in proportion to its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Fraction, NonNegative, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import norm, trust_ratio


@dataclass(frozen=True)
class LARS(Optimizer):
    """v ← μv + τ‖θ‖/(‖g‖ + λ‖θ‖ + ε)·(g + λθ); θ ← θ - ηv, with norms over each weight tensor.

    The factor of g + λθ is 1 if ‖θ‖ or the divisor is 0, and for biases, gains and shifts unless
    ``decay_biases``.

    Parameters
    ----------
    lr : float, default 1.0
        Learning rate η.
    momentum : float, default 0.9
        Momentum μ, in [0, 1].
    trust : float, default 0.001
        Trust coefficient τ: the length of a step relative to the weights.
    eps : float, default 1e-8
        Constant ε, at least 0.
    weight_decay : float, default 0.0
        Weight decay λ, coupled.
    decay_biases : bool, default False
        Whether weight decay and the factor also act on biases, gains and shifts.

    References
    ----------
    You, Gitman & Ginsburg 2017, "Large batch training of convolutional networks", Algorithm 1.
    """

    name: ClassVar[str] = "lars"
    state: ClassVar[tuple[str, ...]] = ("v",)
    decays_itself: ClassVar[bool] = True
    lr: Positive = 1.0
    momentum: Fraction = 0.9
    trust: Positive = 0.001
    eps: NonNegative = 1e-8

    def reduces_over(self) -> Literal["tensor"]:
        return "tensor"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "lr": h.lr,
            "momentum": h.momentum,
            "trust": h.trust,
            "eps": h.eps,
            "weight_decay": h.weight_decay,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        weights, gradient = theta[:, c.decayed], g[:, c.decayed]
        length, slope = norm(weights), norm(gradient)
        gradient += np.multiply(weights, c.weight_decay, out=work[0][:, c.decayed])
        gradient *= trust_ratio(c.trust * length, slope + c.weight_decay * length + c.eps)
        s.v *= c.momentum
        s.v += g
        theta -= np.multiply(s.v, c.lr, out=g)
