"""The simple recurrent layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..speed.compile import Fused
from ..typing import Array
from .direction import Direction
from .recurrent import Recurrent


class RNNDirection(Direction):
    """hₜ = tanh(W·xₜ + U·hₜ₋₁ + b) in one direction."""

    gates = blocks = 1

    @cached_property
    def _gradient(self) -> Fused:
        return self.fused(_sum_gradient, "RNN gradient", 0, 1)

    def step(self, step: int, sums: Array, do: Callable[..., None]) -> None:
        do(np.tanh, sums, self.after[:, :, step])

    def step_back(self, step: int) -> None:
        own = self.block(step, 0)
        self.at.do(self._gradient, own, self.after[:, :, step], self.back["state"])


def _sum_gradient(z: Any, h: Any, back: Any, _: Sequence[Any]) -> None:
    """Compute the gradient with respect to the sum: back · (1 - h²)."""
    np.multiply(h, h, out=z)
    np.subtract(1, z, out=z)
    np.multiply(z, back, out=z)


@dataclass
class RNN(Recurrent):
    """Simple recurrent layer, hₜ = tanh(W·xₜ + U·hₜ₋₁ + b) (Elman 1990).

    Settings are those of :class:`nn.layers.recurrent.Recurrent`.
    """

    name: ClassVar[str] = "rnn"
    direction: ClassVar[type[Direction]] = RNNDirection
