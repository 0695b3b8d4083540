"""The base class of made-up data for linear models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.scaling import Scaling
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.generated import DECIMALS
from nn.component import Interval, NonNegative
from nn.randomness import stream


@dataclass(frozen=True, kw_only=True)
class LinearData(SplitSource):
    """Base of made-up data, whose targets follow from x·w with Gaussian inputs and weights w.

    Parameters
    ----------
    seed, limit, split, counts, validation, test
        See `SplitSource`.
    scaling : {"standard", "minmax", "max", "none"}, default "none"
        Scaling of the inputs. Any but "none" undoes `condition`.
    rows : int, default 1000
        Number of rows, from 10 to ten million.
    features : int, default 20
        Number of inputs.
    noise : float, default 0.1
        Standard deviation of the Gaussian noise added to x·w.
    condition : float, default 100
        Ratio of the largest to the smallest variance of the inputs, which lie geometrically
        between 1 and its inverse: the condition number of least squares.
    """

    scaling: Scaling = "none"
    rows: Annotated[int, Interval(10, 10_000_000)] = 1000
    features: Annotated[int, Interval(1, 100_000)] = 20
    noise: NonNegative = 0.1
    condition: Annotated[float, Interval(1)] = 100.0

    def drawn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw inputs, (rows, features), and x·w with noise, (rows,)."""
        rng = stream(self.seed, "generation")
        deviations = np.sqrt(np.geomspace(1, 1 / self.condition, self.features))
        # Rounding makes the data the same on machines whose functions differ in the last bit.
        weights = np.round(rng.standard_normal(self.features), DECIMALS)
        inputs = rng.standard_normal((self.rows, self.features)) * deviations
        inputs = np.round(inputs, DECIMALS) + 0.0
        outputs = (inputs * weights).sum(axis=1) + self.noise * rng.standard_normal(self.rows)
        return inputs, np.round(outputs, DECIMALS) + 0.0
