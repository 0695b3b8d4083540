"""Where a run's training is, so that it can go on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class State:
    """Where a run's training is after an epoch.

    Parameters
    ----------
    epoch : int
    values : dict
        As JSON holds them, infinities included.
    arrays : dict of str to ndarray
    """

    epoch: int
    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
