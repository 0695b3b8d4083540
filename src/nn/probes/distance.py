"""The distance from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..gradients import global_norm
from ..typing import Array
from .probe import Probe, Probed


@dataclass(frozen=True)
class Distance(Probe):
    """The Euclidean distance ‖θ - θ₀‖ of the parameters from those before training.

    Parameters
    ----------
    every, part, rows
        See :class:`Probe`; the rows do not matter.
    """

    name: ClassVar[str] = "distance"

    def measure(self, probed: Probed) -> dict[str, Array]:
        return {"": global_norm(probed.network.parameters - probed.start)[:, 0]}
