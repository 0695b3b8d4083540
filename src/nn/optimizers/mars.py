"""MARS: AdamW on gradients whose variance the gradient of the batch before reduces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, NonNegative, Positive
from ..gradients import clip_by_norm
from ..typing import Array
from .adam import Adam, average_moments
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import norm


@dataclass(frozen=True)
class MARS(Optimizer):
    """Adam's step with decoupled decay, in which c = g + γβ₁/(1-β₁)·(g - g′) takes the place of g.

    g′ is the gradient of the step before, 0 in the first step. For each tensor, c is scaled down to
    norm 1 if it is longer.

    Parameters
    ----------
    lr : float, default 0.003
        Learning rate η.
    beta1, beta2 : float, default 0.95 and 0.99
        Decay of the averages of c and c², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    gamma : float, default 0.025
        Strength γ of the correction, at least 0.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Yuan et al. 2024, "MARS: unleashing the power of variance reduction for training large models",
    Algorithm 2 (MARS-AdamW), the approximate form.
    """

    name: ClassVar[str] = "mars"
    state: ClassVar[tuple[str, ...]] = ("m", "v", "previous")
    decoupled: ClassVar[bool] = True
    lr: Positive = 0.003
    beta1: Decay = 0.95
    beta2: Decay = 0.99
    eps: Positive = 1e-8
    gamma: NonNegative = 0.025

    def reduces_over(self) -> Literal["tensor"]:
        return "tensor"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {**Adam.coefficients(h, t), "strength": h.gamma * h.beta1 / (1 - h.beta1)}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        corrected = np.subtract(g, s.previous, out=work[0])
        corrected *= c.strength
        corrected += g
        np.copyto(s.previous, g)
        clip_by_norm(corrected, norm(corrected), np.ones((1, 1), g.dtype))
        average_moments(corrected, s, c, g)
        step = np.sqrt(s.v, out=g)
        step += c.eps
        np.divide(s.m, step, out=step)
        step *= c.step
        theta -= step
