"""Adam with a rectified variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Array, Float64Array
from .adam import Adam, average_moments
from .mask import masked
from .optimizer import Coefficients, Namespace


@dataclass(frozen=True)
class RAdam(Adam):
    """θ ← θ - η·rₜ·m̂·√(1-β₂ᵗ)/(√v + ε) once ρₜ > 5, and θ ← θ - η·m̂ before.

    ρ∞ = 2/(1-β₂) - 1; ρₜ = ρ∞ - 2tβ₂ᵗ/(1-β₂ᵗ);
    rₜ = √[(ρₜ-4)(ρₜ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρₜ)].

    Parameters
    ----------
    lr, beta1, beta2, eps, mask
        See :class:`~nn.optimizers.Adam`.
    decoupled_decay : bool, default False
        Whether weight decay is decoupled, as in :class:`~nn.optimizers.AdamW`.

    References
    ----------
    Liu et al. 2020, "On the variance of the adaptive learning rate and beyond", Algorithm 2.
    """

    name: ClassVar[str] = "radam"
    decoupled_decay: bool = False

    def decouples(self) -> bool:
        return self.decoupled_decay

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        power = h.beta2**t
        limit = 2 / (1 - h.beta2) - 1
        rho = limit - 2 * t * power / (1 - power)
        rectified = rho > 5
        rho = np.where(rectified, rho, limit + 5)  # any value for which the root is defined
        limit = np.where(rectified, limit, limit + 5)
        rectification = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        step = h.lr * (1 - h.beta1) / (1 - h.beta1**t)
        root = np.sqrt((1 - power) / (1 - h.beta2))
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "eps": h.eps / np.sqrt(1 - h.beta2),
            "rectified": rectified,
            "step": np.where(rectified, step * rectification * root, step),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        step = work[0] if c.mask else g
        np.sqrt(s.v, out=step)
        step += c.eps
        np.copyto(step, 1, where=c.rectified == 0)
        np.divide(s.m, step, out=step)
        step *= c.step
        theta -= masked(step, g, c.mask)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
        found = (np.sqrt(s.v) + h.eps / np.sqrt(1 - h.beta2)) / root
        rectified = RAdam.coefficients(h, t)["rectified"]
        return np.where(rectified, found, 1.0)
