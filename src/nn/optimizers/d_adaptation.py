"""D-Adaptation: Adam that estimates its learning rate from its gradients."""

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
class DAdaptation(Optimizer):
    """θ ← θ(1 - γλ) - m/(√v + ε) with γ = ηd, where d estimates the distance to a solution.

    m ← β₁m + (1-β₁)γg; v ← β₂v + (1-β₂)g²; with b = √β₂ and the v of the step before,
    r ← br + (1-b)γ⟨g, s/(√v + ε)⟩; s ← bs + (1-b)γg; and after them d ← max(d, r/((1-b)‖s‖₁)).
    There is one d for all parameters of a run.

    Parameters
    ----------
    lr : float, default 1.0
        Factor η of the estimated rate; 1 unless a schedule multiplies it.
    beta1, beta2 : float, default 0.9 and 0.999
        Decay of the averages of g and g², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    d0 : float, default 1e-6
        First estimate of d, smaller than any sensible learning rate.
    bias_correction : bool, default False
        Whether γ also has Adam's √(1-β₂ᵗ)/(1-β₁ᵗ).
    weight_decay : float, default 0.0
        Weight decay λ, decoupled, with the rate γ.

    References
    ----------
    Defazio & Mishchenko 2023, "Learning-rate-free learning by D-Adaptation", Algorithm 5.
    """

    name: ClassVar[str] = "d_adaptation"
    state: ClassVar[tuple[str, ...]] = ("m", "v", "s")
    running: ClassVar[tuple[str, ...]] = distance.RUNNING
    scratch: ClassVar[int] = 2
    decays_itself: ClassVar[bool] = True
    lr: Positive = 1.0
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8
    d0: Positive = 1e-6
    bias_correction: bool = False

    def initial_state(self) -> dict[str, float]:
        return distance.start(self.d0)

    def reduces_over(self) -> Literal["run"]:
        return "run"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        rate = distance.rate(h, t)
        share = 1 - np.sqrt(h.beta2)
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "keep": np.sqrt(h.beta2),
            "share": share,
            "gain1": rate * (1 - h.beta1),
            "gain2": 1 - h.beta2,
            "gain_s": rate * share,
            "eps": h.eps,
            "decay": 1 - rate * h.weight_decay,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        root, spare = work
        np.sqrt(s.v, out=root)
        root += c.eps
        s.r *= c.keep
        s.r += c.gain_s * dot(g, np.divide(s.s, root, out=spare))
        s.s *= c.keep
        s.s += np.multiply(g, c.gain_s, out=spare)
        s.m *= c.beta1
        s.m += np.multiply(g, c.gain1, out=spare)
        g *= g
        g *= c.gain2
        s.v *= c.beta2
        s.v += g
        distance.raise_estimate(s.d, s.r, c.share * total(np.abs(s.s, out=spare)))
        theta[:, c.decayed] *= c.decay
        np.sqrt(s.v, out=root)
        root += c.eps
        theta -= np.divide(s.m, root, out=root)
