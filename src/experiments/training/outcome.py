"""The outcome of training a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from experiments.training.status import Status


@dataclass
class Outcome:
    """The outcome of training one run.

    Parameters
    ----------
    position : int
        The run's index in the sequence passed to :func:`experiments.training.loop.train`.
    status : Status
        The way the run ended; `RUNNING` while it trains.
    message : str or None
        The reason for people, where the status does not say it.
    metrics : dict of str to list
        One column for each metric, with one entry for each epoch. Entry 0 is before training;
        metrics that were not measured then are None.
    summary : dict of str to float
        Single numbers by name, such as ``best/val_loss``.
    weights : dict of str to ndarray
        Parameters and statistics after the last epoch, ``final/<name>``, and after the reported
        epoch, ``best/<name>``, and the losses of the test rows by the latter (see
        `experiments.training.row_losses`); empty while the run trains.
    snapshots : dict of str to ndarray
        The epochs of the snapshots, ``epoch`` of shape (snapshots,), and parameters and
        statistics after them, each of shape (snapshots, *shape); empty if none were requested.
    """

    position: int
    status: Status
    message: str | None
    metrics: dict[str, list[float | None]]
    summary: dict[str, float]
    weights: dict[str, NDArray[Any]]
    snapshots: dict[str, NDArray[Any]] = field(default_factory=dict)
