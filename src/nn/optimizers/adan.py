"""Adan: adaptive Nesterov momentum from differences of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Positive
from ..typing import Array, Float64Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Adan(Optimizer):
    """θ ← θ(1 - ηλ) - η(m̂ + β₂d̂)/(√n̂ + ε), with averages of g, δ and (g + β₂δ)².

    δ = g - g′ is the difference from the gradient of the step before, 0 in the first step;
    m ← β₁m + (1-β₁)g; d ← β₂d + (1-β₂)δ; n ← β₃n + (1-β₃)(g + β₂δ)²; and m̂, d̂ and n̂ are
    m/(1-β₁ᵗ), d/(1-β₂ᵗ) and n/(1-β₃ᵗ).

    Parameters
    ----------
    lr : float, default 0.001
        Learning rate η.
    beta1, beta2, beta3 : float, default 0.98, 0.92 and 0.99
        Decay of the averages m, d and n, in [0, 1). The paper writes 1 - β for them.
    eps : float, default 1e-8
        Constant ε, outside the root.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Xie et al. 2022, "Adan: adaptive Nesterov momentum algorithm for faster optimizing deep
    models", Algorithm 1.
    """

    name: ClassVar[str] = "adan"
    state: ClassVar[tuple[str, ...]] = ("m", "d", "n", "previous")
    scratch: ClassVar[int] = 2
    decoupled: ClassVar[bool] = True
    lr: Positive = 0.001
    beta1: Decay = 0.98
    beta2: Decay = 0.92
    beta3: Decay = 0.99
    eps: Positive = 1e-8

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        root = np.sqrt(1 - h.beta3**t)
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "beta3": h.beta3,
            "gain1": 1 - h.beta1,
            "gain2": 1 - h.beta2,
            "gain3": 1 - h.beta3,
            "has_previous": np.full((1, 1), float(t > 1)),
            "eps": h.eps * root,
            "m_step": h.lr * root / (1 - h.beta1**t),
            "d_step": h.lr * root * h.beta2 / (1 - h.beta2**t),
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        difference, spare = work
        np.subtract(g, s.previous, out=difference)
        difference *= c.has_previous
        np.copyto(s.previous, g)
        s.m *= c.beta1
        s.m += np.multiply(g, c.gain1, out=spare)
        s.d *= c.beta2
        s.d += np.multiply(difference, c.gain2, out=spare)
        difference *= c.beta2
        g += difference
        g *= g
        g *= c.gain3
        s.n *= c.beta3
        s.n += g
        np.multiply(s.m, c.m_step, out=g)
        g += np.multiply(s.d, c.d_step, out=spare)
        root = np.sqrt(s.n, out=spare)
        root += c.eps
        g /= root
        theta -= g

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        found: Float64Array = np.sqrt(s.n / (1 - h.beta3**t)) + h.eps
        return found
