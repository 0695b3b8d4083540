"""Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .mask import Mask, masked, reduced
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Lion(Optimizer):
    """u = sign(β₁m + (1-β₁)g); m ← β₂m + (1-β₂)g; θ ← θ(1 - ηλ) - ηu.

    Parameters
    ----------
    lr : float, default 1e-4
        Learning rate η.
    beta1, beta2 : float, default 0.9 and 0.99
        Interpolation of the step and decay of the average, in [0, 1).
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.
    mask : {"cautious", "grams"}, optional
        The change to entries of the step whose signs are not the gradient's
        (:mod:`nn.optimizers.mask`); by default they are kept.

    References
    ----------
    Chen et al. 2023, "Symbolic discovery of optimization algorithms", Algorithm 2.
    """

    name: ClassVar[str] = "lion"
    state: ClassVar[tuple[str, ...]] = ("m",)
    scratch: ClassVar[int] = 2
    decoupled: ClassVar[bool] = True
    lr: Positive = 1e-4
    beta1: Decay = 0.9
    beta2: Decay = 0.99
    mask: Mask = None

    def reduces_over(self) -> Literal["tensor"] | None:
        return reduced(self.mask)

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "lr": h.lr,
            "beta1": h.beta1,
            "beta2": h.beta2,
            "gain1": 1 - h.beta1,
            "gain2": 1 - h.beta2,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        direction, spare = work
        np.multiply(s.m, c.beta1, out=direction)
        direction += np.multiply(g, c.gain1, out=spare)
        np.sign(direction, out=direction)
        s.m *= c.beta2
        s.m += np.multiply(g, c.gain2, out=spare)
        direction *= c.lr
        theta -= masked(direction, g, c.mask)
