"""Layer normalization of each step of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..component import Positive
from ..typing import Array
from .group_norm import SampleNormalization


@dataclass
class StepNorm(SampleNormalization):
    """Normalize each step over its channels, then scale by γ and shift by β (Ba et al. 2016).

    This is the layer normalization of transformers; :class:`LayerNorm` takes the mean and the
    deviation of all steps together.

    Parameters
    ----------
    eps : float, default 1e-5
        Constant added to the variance.
    """

    name: ClassVar[str] = "step_norm"
    per_run: ClassVar[tuple[str, ...]] = ("eps",)
    axes: ClassVar[tuple[str, ...]] = ("channels", "length")
    groups = 1
    eps: Positive = 1e-5

    def averaged(self, values: Array) -> Array:
        """View as (runs, 1, channels, length · batch)."""
        return values.reshape(len(values), 1, self.at.shape[0], -1)
