"""Adam without its correction of the bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nn.optimizers import Adam
from nn.optimizers.optimizer import Coefficients, Namespace


@dataclass(frozen=True)
class AdamUncorrected(Adam):
    """m ← β₁m + (1-β₁)g; v ← β₂v + (1-β₂)g²; θ ← θ - η·m/(√v + ε).

    Parameters
    ----------
    lr, beta1, beta2, eps
        See `nn.optimizers.Adam`.
    """

    name: ClassVar[str] = "adam_uncorrected"

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # The state holds m/(1-β₁) and v/(1-β₂).
        root = (1 - h.beta2) ** -0.5
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "eps": h.eps * root,
            "step": h.lr * root * (1 - h.beta1),
        }
