"""The orders in which the batches of an epoch take the rows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .component import Component

Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Order(Component):
    """Base of the orders.

    Attributes
    ----------
    renews : bool
        Whether each epoch draws a new order; otherwise that of the first epoch is repeated.
    is_permutation : bool
        Whether an epoch has each row once, so that a batch of all rows needs no order.
    depends_on_seed : bool
        Whether runs with different seeds have different orders.
    carries : bool
        Whether each row of a batch continues the same row of the batch before, so that recurrent
        layers carry their states on; see :class:`nn.Network`. A short batch is then left out.
    """

    renews: ClassVar[bool] = True
    is_permutation: ClassVar[bool] = True
    depends_on_seed: ClassVar[bool] = True
    carries: ClassVar[bool] = False

    @abstractmethod
    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        """Return the row numbers of an epoch, in the order in which batches take them.

        Parameters
        ----------
        rng : numpy.random.Generator
            The run's random stream for batches.
        rows : int
            Number of rows of the training part.
        batch_size : int
            Number of rows of a batch.

        Returns
        -------
        ndarray of int, shape (rows,)
        """


@dataclass(frozen=True)
class Shuffled(Order):
    """A new permutation of the rows for each epoch."""

    name: ClassVar[str] = "shuffled"

    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        return rng.permutation(rows)


@dataclass(frozen=True)
class ShuffledOnce(Order):
    """One permutation of the rows, the same in all epochs."""

    name: ClassVar[str] = "once"
    renews: ClassVar[bool] = False

    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        return rng.permutation(rows)


@dataclass(frozen=True)
class WithReplacement(Order):
    """Independent draws of rows, as many an epoch as there are rows."""

    name: ClassVar[str] = "with_replacement"
    is_permutation: ClassVar[bool] = False

    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        return rng.integers(rows, size=rows)


@dataclass(frozen=True)
class AsGiven(Order):
    """The order of the rows in the training part."""

    name: ClassVar[str] = "as_given"
    renews: ClassVar[bool] = False
    depends_on_seed: ClassVar[bool] = False

    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        return np.arange(rows)


@dataclass(frozen=True)
class Streams(Order):
    """Parallel streams of consecutive rows, one for each row of a batch.

    For rows that continue each other, as the sequences of a text do: row r of batch k is row
    r · K + k of the K · B rows that an epoch of K batches of B rows takes.
    """

    name: ClassVar[str] = "streams"
    renews: ClassVar[bool] = False
    depends_on_seed: ClassVar[bool] = False
    carries: ClassVar[bool] = True

    def draw(self, rng: np.random.Generator, rows: int, batch_size: int) -> Rows:
        steps = rows // batch_size
        taken = np.arange(steps * batch_size).reshape(batch_size, steps).transpose()
        return np.concatenate([taken.reshape(-1), np.arange(taken.size, rows)])
