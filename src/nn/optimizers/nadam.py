"""Adam with Nesterov momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Positive
from ..typing import Array
from .adam import Adam, average_moments
from .optimizer import Coefficients, Namespace


@dataclass(frozen=True)
class NAdam(Adam):
    """θ ← θ - η(1-μₜ)/(1-Πμ)·g/d - ημₜ₊₁/(1-Πμ·μₜ₊₁)·m/d, with d = √v̂ + ε.

    The momentum schedule is μₜ = β₁(1 - ½·0.96^(0.004t)); Πμ is the product of μ₁ to μₜ.

    Parameters
    ----------
    lr : float, default 0.002
        Learning rate η.
    beta1, beta2, eps
        See :class:`~nn.optimizers.Adam`.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    name: ClassVar[str] = "nadam"
    running: ClassVar[tuple[str, ...]] = ("mu_product",)
    lr: Positive = 0.002

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        mu, mu_next = (h.beta1 * (1 - 0.5 * 0.96 ** (0.004 * k)) for k in (t, t + 1))
        h.mu_product = h.mu_product * mu
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "root": np.sqrt((1 - h.beta2) / (1 - h.beta2**t)),
            "eps": h.eps,
            "g_step": h.lr * (1 - mu) / (1 - h.mu_product),
            "m_step": h.lr * (1 - h.beta1) * mu_next / (1 - h.mu_product * mu_next),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        g *= c.g_step
        g += np.multiply(s.m, c.m_step, out=work[0])
        root = np.sqrt(s.v, out=work[0])
        root *= c.root
        root += c.eps
        g /= root
        theta -= g
