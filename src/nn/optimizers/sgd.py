"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nn.component import Positive
from nn.optimizers.rule import Array, Namespace, Optimizer


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
    def coefficients(h: Namespace, t: int) -> dict[str, NDArray[np.float64]]:
        return {"lr": h.lr}

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        g *= c.lr
        theta -= g
