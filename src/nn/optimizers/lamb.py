"""LAMB: Adam's step, scaled to the norm of its tensor's weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .adam import average_moments
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import norm, trust_ratio


@dataclass(frozen=True)
class LAMB(Optimizer):
    """u = m̂/(√v̂ + ε) + λθ; θ ← θ - η·(‖θ‖/‖u‖)·u, with norms over each weight tensor.

    m̂ and v̂ are those of :class:`~nn.optimizers.Adam`. The ratio is 1 if a norm is 0, and for
    biases, gains and shifts unless ``decay_biases``.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the averages of g and g², in [0, 1).
    eps : float, default 1e-6
        Constant ε, outside the root.
    weight_decay : float, default 0.0
        Weight decay λ, part of u.
    decay_biases : bool, default False
        Whether weight decay and the ratio also act on biases, gains and shifts.

    References
    ----------
    You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes",
    Algorithm 2 with φ(z) = z.
    """

    name: ClassVar[str] = "lamb"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decays_itself: ClassVar[bool] = True
    lr: Positive = 0.01
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-6

    def reduces_over(self) -> Literal["tensor"]:
        return "tensor"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # With Adam's M and V: m̂/(√v̂ + ε) = r(1-β₁)/(1-β₁ᵗ) · M/(√V + εr).
        root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
        return {
            "lr": h.lr,
            "beta1": h.beta1,
            "beta2": h.beta2,
            "eps": h.eps * root,
            "gain": root * (1 - h.beta1) / (1 - h.beta1**t),
            "weight_decay": h.weight_decay,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        np.sqrt(s.v, out=g)
        g += c.eps
        np.divide(s.m, g, out=g)
        g *= c.gain
        weights, step = theta[:, c.decayed], g[:, c.decayed]
        step += np.multiply(weights, c.weight_decay, out=work[0][:, c.decayed])
        step *= trust_ratio(norm(weights), norm(step))
        g *= c.lr
        theta -= g
