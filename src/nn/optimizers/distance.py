"""The common part of D-Adaptation and Prodigy: the estimated distance to a solution, and the rate.

The estimate d is a lower bound of the distance from the initial parameters to a solution. It begins
at d₀, and rises to r/‖s‖₁ (times a constant) where that is larger; r and s are sums over the steps.
"""

from __future__ import annotations

import numpy as np

from ..typing import Array
from .optimizer import Namespace

RUNNING = ("d", "r")
"""The running numbers: the estimate d, and the numerator r."""


def start(d0: float) -> dict[str, float]:
    """Return the initial values of the running numbers."""
    return {"d": d0, "r": 0.0}


def rate(h: Namespace, t: int) -> Array:
    """Return γ = ηd of step `t`, times Adam's √(1-β₂ᵗ)/(1-β₁ᵗ) with `bias_correction`."""
    gamma: Array = h.d * h.lr
    if h.bias_correction:
        gamma = gamma * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
    return gamma


def raise_estimate(d: Array, numerator: Array, denominator: Array) -> None:
    """Set d to the quotient where that is larger, in place; without any gradient it stays."""
    np.maximum(d, numerator / np.where(denominator == 0, 1, denominator), out=d)
