"""The raw rows of a dataset, encoded as features and not yet scaled, which its splits share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from nn.table_rows import Scaling


@dataclass(frozen=True, eq=False)
class EncodedTable:
    """Rows of which different splits are drawn; see :func:`shared`.

    Nothing in it depends on a split: missing values are NaN, in all features of a category whose
    cell is missing, and numbers are raw.

    Parameters
    ----------
    inputs : ndarray of shape (rows, features)
        The features, neither filled nor scaled, in the narrowest type that holds them exactly.
    targets : ndarray of shape (rows,) or (rows, target columns)
        The raw targets.
    digest : str
        SHA-256 in hexadecimal of what the table was made from.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    digest: str

    def __post_init__(self) -> None:
        for array in (self.inputs, self.targets):
            array.flags.writeable = False

    @cached_property
    def has_gaps(self) -> bool:
        """Whether any value is missing."""
        # The maximum is NaN if any element is; this avoids a temporary array of booleans.
        return self.inputs.dtype.kind == "f" and bool(np.isnan(self.inputs.max(initial=-np.inf)))


_ALIVE: Final[WeakValueDictionary[str, EncodedTable]] = WeakValueDictionary()


def shared(digest: str, make: Callable[[], EncodedTable]) -> EncodedTable:
    """Return the table of this digest: that which a dataset in memory has, or a new one.

    Parameters
    ----------
    digest : str
        The digest of the table.
    make : callable
        Makes the table if no dataset in memory has it.
    """
    table = _ALIVE.get(digest)
    if table is None:
        table = _ALIVE[digest] = make()
    return table


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Rows drawn from a table, with the statistics that complete them.

    Parameters
    ----------
    table : EncodedTable
        The table.
    rows : ndarray of int, shape (rows,)
        Their places in the table.
    scaling : Scaling
        The filling and scaling of the rows, fitted on the training part of their split.
    """

    table: EncodedTable
    rows: NDArray[np.intp]
    scaling: Scaling

    def __post_init__(self) -> None:
        self.rows.flags.writeable = False

    def inputs(self) -> NDArray[Any]:
        """Return the rows, filled and scaled: a new read-only array."""
        inputs = self.scaling.scaled(self.table.inputs.take(self.rows, axis=0))
        inputs.flags.writeable = False
        return inputs
