"""AdEMAMix: Adam with a second, slow average of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..component import Decay, Interval, NonNegative
from ..typing import Array, Float64Array
from .adam import Adam, average_moments
from .mask import masked
from .optimizer import Coefficients, Namespace


@dataclass(frozen=True)
class AdEMAMix(Adam):
    """n ← β₃n + (1-β₃)g; θ ← θ(1 - ηλ) - η(m̂ + αn)/(√v̂ + ε), with Adam's m̂ and v̂.

    In step t of a warm-up of T steps α is multiplied by t/T, and the half-life ln ½/ln β₃ of the
    slow average lies as far between those of β₁ and β₃.

    Parameters
    ----------
    lr, beta1, beta2, eps, mask
        See :class:`~nn.optimizers.Adam`.
    beta3 : float, default 0.9999
        Decay of the slow average n, in [0, 1).
    alpha : float, default 2.0
        Weight α of the slow average.
    alpha_warmup, beta3_warmup : int, default 0
        Steps T in which α and β₃ rise to their values.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Pagliardini, Ablin & Grangier 2024, "The AdEMAMix optimizer: better, faster, older",
    Algorithm 1.
    """

    name: ClassVar[str] = "ademamix"
    state: ClassVar[tuple[str, ...]] = ("m", "v", "slow")
    decoupled: ClassVar[bool] = True
    scratch: ClassVar[int] = 2
    beta3: Decay = 0.9999
    alpha: NonNegative = 2.0
    alpha_warmup: Annotated[int, Interval(0)] = 0
    beta3_warmup: Annotated[int, Interval(0)] = 0

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        adam = Adam.coefficients(h, t)
        alpha = h.alpha * _progress(t, h.alpha_warmup)
        beta3 = _between(h.beta1, h.beta3, _progress(t, h.beta3_warmup))
        root = np.sqrt((1 - h.beta2**t) / (1 - h.beta2))
        return {**adam, "beta3": beta3, "gain3": 1 - beta3, "slow_step": h.lr * root * alpha}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        s.slow *= c.beta3
        s.slow += np.multiply(g, c.gain3, out=work[0])
        step = np.multiply(s.m, c.step, out=work[1] if c.mask else g)
        step += np.multiply(s.slow, c.slow_step, out=work[0])
        root = np.sqrt(s.v, out=work[0])
        root += c.eps
        step /= root
        theta -= masked(step, g, c.mask)


def _progress(t: int, warmup: Float64Array) -> Float64Array:
    """Return how much of a warm-up has passed in step `t`, from 0 to 1."""
    passed: Float64Array = np.minimum(t / np.maximum(warmup, 1), 1)
    return passed


def _between(start: Float64Array, end: Float64Array, share: Float64Array) -> Float64Array:
    """Return the decay whose half-life lies so far between those of two decays."""
    with np.errstate(divide="ignore"):  # a decay of 0 has the half-life 0
        half_life = -(1 - share) / np.log2(start) - share / np.log2(end)
        decay: Float64Array = np.where(share < 1, np.exp2(-1 / half_life), end)
    return decay
