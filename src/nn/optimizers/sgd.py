"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..component import Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class SGD(Optimizer):
    """θ ← θ - ηg.

    Parameters
    ----------
    lr : float, default 0.1
        Learning rate η.

    References
    ----------
    Robbins & Monro 1951, "A stochastic approximation method".
    """

    name: ClassVar[str] = "sgd"
    lr: Positive = 0.1

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {"lr": h.lr}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        g *= c.lr
        theta -= g
