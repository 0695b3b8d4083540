"""Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..component import NonNegative
from .adam import Adam


@dataclass(frozen=True)
class AdamW(Adam):
    """θ ← θ(1 - ηλ), then Adam's step.

    Parameters
    ----------
    weight_decay : float, default 0.01
        Weight decay λ, multiplied by the scheduled learning rate as in common implementations
        (the paper multiplies it by the schedule alone).
    lr, beta1, beta2, eps
        See :class:`~nn.optimizers.Adam`.

    References
    ----------
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", Algorithm 2.
    """

    name: ClassVar[str] = "adamw"
    decoupled: ClassVar[bool] = True
    weight_decay: NonNegative = 0.01
