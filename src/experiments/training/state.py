"""The state from which the training of a run can be resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class State:
    """The training state of a run after an epoch.

    Parameters
    ----------
    epoch : int
        The last epoch that is complete.
    values : dict
        Numbers, strings and lists that JSON can hold, infinities included.
    arrays : dict of str to ndarray
        Parameters, statistics and the optimizer's state.
    """

    epoch: int
    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
