"""Prodigy: Adam that estimates its learning rate from the distance to the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from . import distance
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import dot, total


@dataclass(frozen=True)
class Prodigy(Optimizer):
    """θ ← θ(1 - γλ) - γ·m/(√v + dε) with γ = ηd, where d estimates the distance to a solution.

    m ← β₁m + (1-β₁)dg; v ← β₂v + (1-β₂)d²g²; with β₃ = √β₂,
    r ← β₃r + (d/d₀)γ⟨g, θ₀ - θ⟩; s ← β₃s + (d/d₀)γg; and after them d ← max(d, c·r/‖s‖₁).
    There is one d for all parameters of a run; the step takes the new one in dε and the old one in
    γ.

    Parameters
    ----------
    lr : float, default 1.0
        Factor η of the estimated rate; 1 unless a schedule multiplies it.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the averages of g and g², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    d0 : float, default 1e-6
        First estimate d₀, smaller than any sensible learning rate.
    d_coef : float, default 1.0
        Factor c of the estimates.
    bias_correction : bool, default False
        Whether γ also has Adam's √(1-β₂ᵗ)/(1-β₁ᵗ).
    safeguard_warmup : bool, default False
        Whether s takes dg instead of γg, so that a warm-up does not inflate the estimate.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled, with the rate γ.

    References
    ----------
    Mishchenko & Defazio 2023, "Prodigy: an expeditiously adaptive parameter-free learner",
    Algorithm 4, with the averages of the authors' code.
    """

    name: ClassVar[str] = "prodigy"
    state: ClassVar[tuple[str, ...]] = ("m", "v", "s", "start")
    running: ClassVar[tuple[str, ...]] = distance.RUNNING
    scratch: ClassVar[int] = 2
    decays_itself: ClassVar[bool] = True
    lr: Positive = 1.0
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8
    d0: Positive = 1e-6
    d_coef: Positive = 1.0
    bias_correction: bool = False
    safeguard_warmup: bool = False

    def initial_state(self) -> dict[str, float]:
        return distance.start(self.d0)

    def reduces_over(self) -> Literal["run"]:
        return "run"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        rate = distance.rate(h, t)
        growth = h.d / h.d0
        return {
            "first": np.full((1, 1), t == 1),
            "beta1": h.beta1,
            "beta2": h.beta2,
            "beta3": np.sqrt(h.beta2),
            "gain1": h.d * (1 - h.beta1),
            "gain2": h.d**2 * (1 - h.beta2),
            "gain_r": growth * rate,
            "gain_s": growth * (h.d if h.safeguard_warmup else rate),
            "d_coef": h.d_coef,
            "eps": h.eps,
            "rate": rate,
            "decay": 1 - rate * h.weight_decay,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        spare, product = work
        np.copyto(s.start, theta, where=c.first > 0)
        np.subtract(s.start, theta, out=spare)
        s.r *= c.beta3
        s.r += c.gain_r * dot(g, spare)
        s.s *= c.beta3
        s.s += np.multiply(g, c.gain_s, out=spare)
        s.m *= c.beta1
        s.m += np.multiply(g, c.gain1, out=spare)
        np.multiply(g, g, out=product)
        product *= c.gain2
        s.v *= c.beta2
        s.v += product
        distance.raise_estimate(s.d, c.d_coef * s.r, total(np.abs(s.s, out=spare)))
        theta[:, c.decayed] *= c.decay
        np.sqrt(s.v, out=spare)
        spare += (s.d * c.eps).astype(theta.dtype)
        np.divide(s.m, spare, out=spare)
        spare *= c.rate
        theta -= spare
