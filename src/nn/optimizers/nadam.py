"""Adam with Nesterov momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import NonNegative, Positive
from ..typing import Array
from .adam import Adam, average_moments
from .mask import masked
from .optimizer import Coefficients, Namespace


@dataclass(frozen=True)
class NAdam(Adam):
    """θ ← θ - η(1-μₜ)/(1-Πμ)·g/d - ημₜ₊₁/(1-Πμ·μₜ₊₁)·m/d, with d = √v̂ + ε.

    The momentum schedule is μₜ = β₁(1 - ½·0.96^(ψt)); Πμ is the product of μ₁ to μₜ.

    Parameters
    ----------
    lr : float, default 0.002
        Learning rate η.
    beta1, beta2, eps, mask
        See :class:`~nn.optimizers.Adam`.
    momentum_decay : float, default 0.004
        Rate ψ at which the momentum rises to β₁, at least 0.
    decoupled_decay : bool, default False
        Whether weight decay is decoupled, as in :class:`~nn.optimizers.AdamW`.

    References
    ----------
    Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    name: ClassVar[str] = "nadam"
    running: ClassVar[tuple[str, ...]] = ("mu_product",)
    scratch: ClassVar[int] = 2
    lr: Positive = 0.002
    momentum_decay: NonNegative = 0.004
    decoupled_decay: bool = False

    def decouples(self) -> bool:
        return self.decoupled_decay

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # Powers of Python, because NumPy's may differ in the last bit from processor to processor.
        rates = h.momentum_decay.ravel().tolist()
        mu, mu_next = (
            h.beta1 * (1 - 0.5 * np.array([[0.96 ** (rate * k)] for rate in rates]))
            for k in (t, t + 1)
        )
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
        step = np.multiply(g, c.g_step, out=work[1] if c.mask else g)
        step += np.multiply(s.m, c.m_step, out=work[0])
        root = np.sqrt(s.v, out=work[0])
        root *= c.root
        root += c.eps
        step /= root
        theta -= masked(step, g, c.mask)
