"""Norms of parameters and gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..gradients import global_norm
from ..typing import Array
from .probe import Probe, Probed


@dataclass(frozen=True)
class Norms(Probe):
    """The norms ‖θ‖ and ‖∇L‖, in total and of each parameter, biases and gains included.

    The gradient is that of all the probe's rows and without dropout, where the columns
    ``gradient_norm/<layer>`` of every run are of a batch.

    Parameters
    ----------
    every, part, rows
        See :class:`Probe`.
    """

    name: ClassVar[str] = "norms"

    def measure(self, probed: Probed) -> dict[str, Array]:
        measured: dict[str, Array] = {}
        for what, flat in (
            ("weights", probed.network.parameters),
            ("gradient", probed.gradients()),
        ):
            measured[what] = global_norm(flat)[:, 0]
            for name, place in probed.network.layout.slices.items():
                measured[f"{what}/{name}"] = global_norm(flat[:, place])[:, 0]
        return measured
