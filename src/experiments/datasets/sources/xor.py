"""Exclusive or: the smallest problem that a network without a hidden layer cannot learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.scaling import Scaling
from experiments.datasets.source import SplitSource
from experiments.datasets.sources.generated import with_noise
from experiments.datasets.splits import whole_population
from experiments.datasets.table import Table
from experiments.errors import ConfigError
from nn.component import Interval, NonNegative


@dataclass(frozen=True, kw_only=True)
class Xor(SplitSource):
    """The truth table of exclusive or, or noisy points around its corners.

    Without noise, all parts are the same four points: the truth table is the whole population, so
    there is nothing else to generalize to, and holding out a point would change the problem. With
    noise, `rows` points around the corners are split like any other dataset; `test`, `limit`,
    `split` and `counts` apply only then.

    Parameters
    ----------
    seed, limit, split, counts, validation, test
        See `SplitSource`.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "none"
        Scaling of the inputs, which are 0 and 1.
    rows : int, default 4
        Number of points, which is 4 without noise.
    noise : float, default 0
        Standard deviation of the Gaussian noise added to both inputs.

    Raises
    ------
    ConfigError
        If there are more than four points without noise, which would repeat them, or a field is
        invalid.
    """

    scaling: Scaling = "none"
    rows: Annotated[int, Interval(4, 10_000_000)] = 4
    noise: NonNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.noise == 0 and self.rows != 4:
            raise ConfigError(
                f"dataset Xor: dataset.rows={self.rows} without noise would repeat the four "
                "points. Give dataset.noise=0.1, say, or leave dataset.rows at 4."
            )
        if self.noise == 0 and (self.counts is not None or self.split != "stratified"):
            raise ConfigError(
                "dataset Xor: without noise all parts are the same four points, so dataset.counts "
                "and dataset.split have no effect. Give dataset.noise=0.1, say, or leave them out."
            )

    def load(self) -> Dataset:
        """Generate and encode the points."""
        corner = np.arange(self.rows) % 4
        inputs = np.stack([corner // 2, corner % 2], axis=1)
        targets = inputs[:, 0] ^ inputs[:, 1]
        names = ("false", "true")
        if self.noise == 0:
            return prepare(
                name="xor",
                task=Task.BINARY,
                table=Table.of_numbers(inputs),
                targets=targets,
                target_names=names,
                split=whole_population(self.rows, validates=self.validation > 0),
                scaling=self.scaling,
            )
        table = Table.of_numbers(with_noise(inputs, self.noise, self.seed))
        return self.prepare(
            name="xor", task=Task.BINARY, table=table, targets=targets, target_names=names
        )
