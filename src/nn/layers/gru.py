"""The gated recurrent unit."""

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


class GRUDirection(Direction):
    """The passes of :class:`GRU` in one direction.

    Blocks: the inputs' part of the candidate, the reset gate, the update gate, the state's part of
    the candidate. The last is kept apart, since the reset gate multiplies it.
    """

    gates, blocks = 3, 4
    sigmoids = (1, 2)
    passes_on = True

    @cached_property
    def _candidate(self) -> Fused:
        return self.fused(_candidate, "GRU candidate", 0, 4)

    @cached_property
    def _state(self) -> Fused:
        return self.fused(_state, "GRU", 0, 2)

    @cached_property
    def _gradients(self) -> Fused:
        return self.fused(_gradients, "GRU gradients", 3, 5)

    def step(self, step: int, sums: Array, do: Callable[..., None]) -> None:
        candidate, reset, update, from_state = (self.block(step, k) for k in range(4))
        sigmoids, new = self.part(sums, 0, 2), self.contiguous("candidate")
        do(np.tanh, sigmoids, sigmoids)
        tanhs = self.part(sums, 0), self.part(sums, 1)
        do(self._candidate, new, reset, update, from_state, *tanhs, self.part(sums, 2), candidate)
        do(np.tanh, new, new)
        before, after = self.before[:, :, step], self.after[:, :, step]
        do(self._state, after, candidate, new, update, before)

    def step_back(self, step: int) -> None:
        blocks = (self.block(step, k) for k in range(4))
        self.at.do(self._gradients, *blocks, self.back["state"], self.before[:, :, step])


def _candidate(
    new: Any,
    reset: Any,
    update: Any,
    from_state: Any,
    reset_tanh: Any,
    update_tanh: Any,
    state_sum: Any,
    input_sum: Any,
    _: Sequence[Any],
) -> None:
    """Compute the gates from the hyperbolic tangents of their sums, and the candidate's sum."""
    for gate, tanh in ((reset, reset_tanh), (update, update_tanh)):
        np.multiply(tanh, 0.5, out=gate)
        np.add(gate, 0.5, out=gate)
    np.copyto(from_state, state_sum)
    np.multiply(reset, from_state, out=new)
    np.add(input_sum, new, out=new)


def _state(
    after: Any, candidate: Any, new: Any, update: Any, before: Any, _: Sequence[Any]
) -> None:
    """Compute the state after a step: candidate + update · (before - candidate)."""
    np.copyto(candidate, new)
    np.subtract(before, candidate, out=after)
    np.multiply(after, update, out=after)
    np.add(after, candidate, out=after)


def _gradients(
    candidate: Any,
    reset: Any,
    update: Any,
    from_state: Any,
    back: Any,
    before: Any,
    scratch: Sequence[Any],
) -> None:
    """Replace the blocks by the gradients with respect to their sums; pass on what skips them."""
    work, kept, slope = scratch
    np.subtract(1, update, out=kept)
    np.subtract(before, candidate, out=work)
    np.multiply(candidate, candidate, out=slope)
    np.subtract(1, slope, out=slope)
    np.multiply(slope, kept, out=slope)
    np.multiply(slope, back, out=candidate)

    np.multiply(work, update, out=work)
    np.multiply(work, kept, out=work)
    np.multiply(work, back, out=work)
    np.multiply(back, update, out=back)
    np.copyto(update, work)

    np.subtract(1, reset, out=work)
    np.multiply(work, reset, out=work)
    np.multiply(work, from_state, out=work)
    np.multiply(work, candidate, out=work)
    np.multiply(candidate, reset, out=from_state)
    np.copyto(reset, work)


@dataclass
class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014); the reset gate acts after the product, as in PyTorch.

    The gates r and z are sigmoids of sums W·xₜ + U·hₜ₋₁ + b, the candidate is
    n = tanh(W·xₜ + b + r·(U·hₜ₋₁ + b′)) and the state hₜ = (1 - z)·n + z·hₜ₋₁. The weights of
    inputs have columns for n, r and z, those of states for r, z and n; the bias has n, r, z and n′.

    Settings are those of :class:`nn.layers.recurrent.Recurrent`.
    """

    name: ClassVar[str] = "gru"
    direction: ClassVar[type[Direction]] = GRUDirection
