"""The detection of mirror symmetry of six bits, and measures of the weights that solve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.source import Source
from experiments.datasets.splits import whole_population
from experiments.datasets.table import Table
from nn.component import Interval
from nn.probes import Probe, Probed
from nn.typing import Array


@dataclass(frozen=True, kw_only=True)
class Mirror(Source):
    """All rows of some bits, and whether each is symmetric: the same when it is reversed.

    Every part has all rows, the whole population.

    Parameters
    ----------
    seed, limit
        See `Source`; nothing is drawn.
    bits : int, default 6
        The number of bits, which is even.
    """

    bits: Annotated[int, Interval(2, 12)] = 6

    def load(self) -> Dataset:
        """Make the rows."""
        numbers = np.arange(2**self.bits)
        inputs = numbers[:, np.newaxis] >> np.arange(self.bits) & 1
        return prepare(
            name="mirror",
            task=Task.BINARY,
            table=Table.of_numbers(inputs),
            targets=(inputs == inputs[:, ::-1]).all(axis=1).astype(int),
            target_names=("asymmetric", "symmetric"),
            split=whole_population(len(inputs), validates=False),
            scaling="none",
        )


@dataclass(frozen=True)
class MirrorWeights(Probe):
    """How the weights of the first layer's units are related: two ratios and an asymmetry.

    A unit that detects mirror symmetry has weights of opposite sign at mirrored places, whose
    sizes, sorted, are in the ratio 1 : 2 : 4. The values are means over the units.

    Parameters
    ----------
    every, part, rows
        See `Probe`.
    """

    name: ClassVar[str] = "mirror"

    def measure(self, probed: Probed) -> dict[str, Array]:
        weights = probed.network.layers[0].at.parameters["weights"]  # (runs, bits, units)
        half = weights.shape[1] // 2
        left, right = weights[:, :half], weights[:, ::-1][:, :half]
        sizes = np.sort((np.abs(left) + np.abs(right)) / 2, axis=1)
        rest = np.abs(left + right).sum(axis=1) / (np.abs(left) + np.abs(right)).sum(axis=1)
        return {
            "second": (sizes[:, 1] / sizes[:, 0]).mean(axis=1),
            "third": (sizes[:, 2] / sizes[:, 1]).mean(axis=1),
            "asymmetry": rest.mean(axis=1),
        }
