"""The base class of the generated datasets."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.source import SplitSource
from experiments.datasets.table import Table
from nn.component import Interval, NonNegative
from nn.randomness import stream

DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class Generated(SplitSource):
    """Base of the generated datasets: labelled points in the plane with random noise.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling
        See `SplitSource`.
    rows : int, default 600
        Number of points, from 10 to ten million, divided among the classes as evenly as possible.
    noise : float
        Standard deviation of the Gaussian noise added to both coordinates, at least 0.
    """

    rows: Annotated[int, Interval(10, 10_000_000)] = 600
    noise: NonNegative = 0.1

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""

    @abstractmethod
    def curve(self, label: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points on the curve of one class, without noise.

        Parameters
        ----------
        label : int
            Index of the class.
        t : float64 ndarray of shape (points,)
            Positions along the curve, from 0 to 1.

        Returns
        -------
        float64 ndarray of shape (points, 2)
            The coordinates of the points.
        """

    def load(self) -> Dataset:
        """Generate, split and encode the points."""
        classes = len(self.class_names)
        targets = np.arange(self.rows) % classes
        points = np.empty((self.rows, 2))
        for label in range(classes):
            mine = targets == label
            points[mine] = self.curve(label, np.linspace(0, 1, int(mine.sum())))
        return self.prepare(
            name=type(self).__name__.lower(),
            task=Task.BINARY if classes == 2 else Task.MULTICLASS,
            table=Table.of_numbers(with_noise(points, self.noise, self.seed)),
            targets=targets,
            target_names=self.class_names,
        )


def with_noise(points: NDArray[Any], noise: float, seed: int) -> NDArray[np.float64]:
    """Add Gaussian noise and round to six decimals.

    The rounding makes the data the same on machines whose sine and cosine differ in the last bit.
    """
    noisy = points + noise * stream(seed, "generation").standard_normal(points.shape)
    # Adding zero turns -0.0 into 0.0.
    return np.round(noisy, DECIMALS) + 0.0
