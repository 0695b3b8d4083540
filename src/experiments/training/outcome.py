"""What training a run gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from experiments.training.status import Status


@dataclass
class Outcome:
    """What training one run gave.

    Parameters
    ----------
    position : int
        Of the run in what was given to :func:`train`.
    status : Status
    message : str or None
        Why, for people, where it is not plain.
    metrics : dict of str to list
        A column for each metric, an entry for each epoch; entry 0 is before training, where
        what was not measured is None.
    summary : dict of str to float
    weights : dict of str to ndarray
        ``final/<name>`` and ``best/<name>``, the latter of the best validation epoch; empty
        while it trains.
    snapshots : dict of str to ndarray
        ``epoch`` (moments,), and parameters and statistics as they were then, each
        (moments, *shape); empty where none were asked for.
    """

    position: int
    status: Status
    message: str | None
    metrics: dict[str, list[float | None]]
    summary: dict[str, float]
    weights: dict[str, NDArray[Any]]
    snapshots: dict[str, NDArray[Any]] = field(default_factory=dict)
