"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, Positive
from ..typing import Array, Float64Array
from .mask import Mask, masked, reduced
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Adam(Optimizer):
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; θ ← θ - η·m̂/(√v̂ + ε).

    Here m̂ = m/(1-β₁ᵗ) and v̂ = v/(1-β₂ᵗ). The state holds m/(1-β₁) and v/(1-β₂), which takes
    fewer passes over the arrays; the coefficients compensate for it.

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the averages of g and g², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    mask : {"cautious", "grams"}, optional
        The change to entries of the step whose signs are not the gradient's
        (:mod:`nn.optimizers.mask`); by default they are kept.

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", Algorithm 1.
    """

    name: ClassVar[str] = "adam"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    lr: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8
    mask: Mask = None

    def reduces_over(self) -> Literal["tensor"] | None:
        return reduced(self.mask)

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # With M = m/(1-β₁), V = v/(1-β₂) and r = √[(1-β₂ᵗ)/(1-β₂)]:
        # m̂/(√v̂ + ε) = r(1-β₁)/(1-β₁ᵗ) · M/(√V + εr)
        root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "eps": h.eps * root,
            "step": h.lr * root * (1 - h.beta1) / (1 - h.beta1**t),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        step = work[0] if c.mask else g
        np.sqrt(s.v, out=step)
        step += c.eps
        np.divide(s.m, step, out=step)
        step *= c.step
        theta -= masked(step, g, c.mask)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        return divisor(h, s.v, t)


def divisor(h: Namespace, v: Array, t: int) -> Float64Array:
    """Return √v̂ + ε for the second moment v/(1-β₂) after step `t`."""
    root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
    found: Float64Array = np.sqrt(v) / root + h.eps
    return found


def average_moments(g: Array, s: Namespace, c: Namespace, work: Array) -> None:
    """Update the moments m/(1-β₁) and v/(1-β₂) in place: M ← β₁M + g and V ← β₂V + g²."""
    s.m *= c.beta1
    s.m += g
    s.v *= c.beta2
    s.v += np.multiply(g, g, out=work)
