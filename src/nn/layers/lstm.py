"""The long short-term memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..component import Finite
from ..speed.compile import Fused
from ..typing import Array
from .direction import Direction
from .recurrent import Recurrent


class LSTMDirection(Direction):
    """The passes of :class:`LSTM` in one direction. Blocks: input, forget, candidate, output."""

    gates = blocks = 4
    sigmoids = (0, 1, 3)
    states = ("state", "cell")

    def prepare(self, batch: int) -> None:
        super().prepare(batch)
        self.cell_before, self.cell_after = self.kept["cell"]
        self.squashed = self.buffer("squashed cell", self.after.shape)

    @cached_property
    def _cell(self) -> Fused:
        return self.fused(_cell, "LSTM", 1, 6)

    @cached_property
    def _state(self) -> Fused:
        return self.fused(_state, "LSTM state", 0, 2)

    @cached_property
    def _gradients(self) -> Fused:
        return self.fused(_gradients, "LSTM gradients", 2, 5)

    def step(self, step: int, sums: Array, do: Callable[..., None]) -> None:
        do(np.tanh, sums, sums)
        gates = [self.block(step, k) for k in range(4)]
        tanhs = [self.part(sums, k) for k in range(4)]
        cell = self.contiguous("cell")
        before, after = self.cell_before[:, :, step], self.cell_after[:, :, step]
        do(self._cell, *gates, cell, after, *tanhs, before)
        do(np.tanh, cell, cell)
        do(self._state, self.after[:, :, step], self.squashed[:, :, step], gates[3], cell)

    def step_back(self, step: int) -> None:
        gates = (self.block(step, k) for k in range(4))
        before, squashed = self.cell_before[:, :, step], self.squashed[:, :, step]
        back = self.back["cell"], self.back["state"]
        self.at.do(self._gradients, *gates, *back, before, squashed)


def _cell(
    entering: Any,
    forgetting: Any,
    candidate: Any,
    giving: Any,
    cell: Any,
    after: Any,
    *read: Any,
) -> None:
    """Compute the gates from the hyperbolic tangents of their sums, and the cell, in two arrays."""
    *tanhs, before, scratch = read
    [new] = scratch
    for gate, tanh in zip((entering, forgetting, giving), (*tanhs[:2], tanhs[3]), strict=True):
        np.multiply(tanh, 0.5, out=gate)
        np.add(gate, 0.5, out=gate)
    np.copyto(candidate, tanhs[2])
    np.multiply(entering, candidate, out=new)
    np.multiply(forgetting, before, out=cell)
    np.add(cell, new, out=cell)
    np.copyto(after, cell)


def _state(after: Any, kept: Any, giving: Any, squashed: Any, _: Sequence[Any]) -> None:
    """Compute the state after a step, and keep the hyperbolic tangent of the cell."""
    np.copyto(kept, squashed)
    np.multiply(giving, squashed, out=after)


def _gradients(
    entering: Any,
    forgetting: Any,
    candidate: Any,
    giving: Any,
    back_cell: Any,
    back: Any,
    before: Any,
    squashed: Any,
    scratch: Sequence[Any],
) -> None:
    """Replace the gates by the gradients with respect to their sums; pass that of the cell back."""
    work, other = scratch
    np.multiply(squashed, squashed, out=work)
    np.subtract(1, work, out=work)
    np.multiply(work, giving, out=work)
    np.multiply(work, back, out=work)
    np.add(back_cell, work, out=back_cell)

    np.subtract(1, giving, out=work)
    np.multiply(giving, work, out=giving)
    np.multiply(giving, squashed, out=giving)
    np.multiply(giving, back, out=giving)

    np.multiply(candidate, candidate, out=work)
    np.subtract(1, work, out=work)
    np.multiply(work, entering, out=work)
    np.multiply(work, back_cell, out=work)

    np.subtract(1, entering, out=other)
    np.multiply(entering, other, out=entering)
    np.multiply(entering, candidate, out=entering)
    np.multiply(entering, back_cell, out=entering)
    np.copyto(candidate, work)

    np.subtract(1, forgetting, out=work)
    np.multiply(work, forgetting, out=work)
    np.multiply(work, before, out=work)
    np.multiply(work, back_cell, out=work)
    np.multiply(back_cell, forgetting, out=back_cell)
    np.copyto(forgetting, work)


@dataclass
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    The gates i, f and o are sigmoids of sums W·xₜ + U·hₜ₋₁ + b, and g is the tanh of such a sum.
    The cell is cₜ = f·cₜ₋₁ + i·g and the state hₜ = o·tanh(cₜ). The weights have columns for i, f,
    g and o in this order, as in PyTorch; there is one bias where PyTorch adds two.

    Parameters
    ----------
    forget_bias : float, default 1.0
        Number added to the initial bias of the forget gate, so that at first cells keep their value
        (Jozefowicz et al. 2015).

    The other settings are those of :class:`nn.layers.recurrent.Recurrent`.
    """

    name: ClassVar[str] = "lstm"
    per_run: ClassVar[tuple[str, ...]] = (*Recurrent.per_run, "forget_bias")
    direction: ClassVar[type[Direction]] = LSTMDirection
    forget_bias: Finite = 1.0

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        super().initialize(rng, values)
        for prefix in self._prefixes:
            values[f"{prefix}bias"][self.units : 2 * self.units] += self.forget_bias
