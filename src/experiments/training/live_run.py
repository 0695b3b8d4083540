"""A run while it trains: what was measured, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.training.status import Status


@dataclass
class LiveRun:
    """What is known of one run while it trains.

    Parameters
    ----------
    position : int
        The run's index in what was given to :func:`experiments.training.loop.train`.
    run : Run
    moments : frozenset of int
        The epochs after which a snapshot of the parameters is taken.

    Attributes
    ----------
    metrics : dict of str to list
        A column for each metric, an entry for each epoch.
    snapshots : list of ndarray
        Each of shape (parameters + statistics,).
    best_epoch : int or None
        The epoch with the lowest validation loss so far.
    waited : int
        Epochs since the validation loss last improved on `to_beat` by `min_delta`.
    message : str or None
        Why the run ended, where it is not plain.
    resumed_at : int
        The epoch at which this process began to train the run; `seconds` had passed by then, and
        `training_seconds` of training alone.
    """

    position: int
    run: Run
    moments: frozenset[int]
    metrics: dict[str, list[float | None]] = field(default_factory=dict)
    snapshots: list[NDArray[np.floating]] = field(default_factory=list)
    schedule_state: dict[str, float] = field(init=False)
    best_epoch: int | None = None
    waited: int = 0
    to_beat: float = np.inf
    message: str | None = None
    resumed_at: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.schedule_state = self.run.schedule.initial_state()

    def append(self, row: dict[str, float | None]) -> None:
        """Add what was measured after an epoch."""
        for name, value in row.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def last_epoch(self) -> int:
        """The last epoch that was measured."""
        return max(len(self.metrics.get("epoch", ())) - 1, 0)

    @property
    def best_loss(self) -> float:
        """The lowest validation loss so far."""
        if self.best_epoch is None:
            return np.inf
        loss = self.metrics["val/loss"][self.best_epoch]
        return np.inf if loss is None else loss

    def judge(self, epoch: int) -> Status | None:
        """Take note of an epoch's validation loss; return the status of a run that has ended."""
        training = self.run.training
        losses = [self.metrics[name][epoch] for name in ("train/loss", "val/loss")]
        if not all(np.isfinite(loss) for loss in losses if loss is not None):
            self.message = f"the loss was not finite after epoch {epoch}"
            return Status.DIVERGED
        loss = losses[1]
        assert loss is not None
        if epoch > 0:
            self.run.schedule.observe(self.schedule_state, loss)
        self.waited += 1
        if loss < self.to_beat - training.early_stopping.min_delta:
            self.waited, self.to_beat = 0, loss
        if loss < self.best_loss:
            self.best_epoch = epoch
        if epoch >= training.epochs:
            return Status.DONE
        patience = training.early_stopping.patience
        if patience is not None and self.waited >= patience:
            self.message = f"no better validation loss for {patience} epochs"
            return Status.STOPPED_EARLY
        return None

    def summary(self, score: str, us_per_step: float) -> dict[str, float]:
        """Summarize what was measured.

        Parameters
        ----------
        score : str
            The name of the score beside the loss, such as "accuracy".
        us_per_step : float
            Microseconds of training that a step took.
        """
        summary: dict[str, float] = {}

        def add(name: str, column: str, epoch: int) -> None:
            value = self.metrics[column][epoch]
            if value is not None:
                summary[name] = value

        if self.best_epoch is not None:
            best = self.best_epoch
            summary["best/epoch"] = best
            add("best/val_loss", "val/loss", best)
            add(f"best/val_{score}", f"val/{score}", best)
            add("best/train_loss", "train/loss", best)
        summary["time/us_per_step"] = us_per_step
        if self.metrics:  # empty if interrupted before anything was measured
            for part in ("train", "val"):
                add(f"final/{part}_loss", f"{part}/loss", -1)
                add(f"final/{part}_{score}", f"{part}/{score}", -1)
            add("time/seconds", "seconds", -1)
        return summary

    def values(self) -> dict[str, Any]:
        """Return what the run needs to go on, as JSON holds it; see :meth:`restore`."""
        return {
            "metrics": self.metrics,
            "schedule": self.schedule_state,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "to_beat": self.to_beat,
        }

    def restore(self, epoch: int, values: dict[str, Any]) -> None:
        """Go on after `epoch` from :meth:`values` and the `training_seconds` until then."""
        self.metrics = values["metrics"]
        self.schedule_state = values["schedule"]
        self.best_epoch, self.waited = values["best_epoch"], values["waited"]
        self.to_beat = values["to_beat"]
        self.resumed_at = epoch
        self.seconds = self.metrics["seconds"][-1] or 0.0
        self.training_seconds = values["training_seconds"]
