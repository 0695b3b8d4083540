"""A run in training: its metrics so far, and the decision when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.config.schema import Run
from experiments.training.length import Length
from experiments.training.metrics import PROBE
from experiments.training.report import Report
from experiments.training.status import Status

_JUDGED: Final = ("train/loss", "val/loss")
"""The columns whose values must be finite, of those that a run has."""


@dataclass
class LiveRun:
    """The history of one run while it trains.

    Parameters
    ----------
    position : int
        The run's index in the sequence passed to :func:`experiments.training.loop.train`.
    run : Run
        The configuration of the run.
    split : int
        The index of the run's dataset among those of the stack.
    length : Length
        The length of the training.
    report : Report
        The rule that chooses the epoch to report.
    moments : frozenset of int
        The epochs after which a snapshot of the parameters is taken.

    Attributes
    ----------
    metrics : dict of str to list
        One column for each metric, with one entry for each epoch.
    snapshots : list of ndarray
        Parameters and statistics, each of shape (parameters + statistics,).
    schedule_state : dict of str to float
        The state of the learning-rate schedule.
    reported_epoch : int or None
        The epoch that the rule has chosen so far.
    waited : int
        Epochs since the validation loss last fell below `to_beat` by more than `min_delta`.
    to_beat : float
        The validation loss that early stopping compares with.
    message : str or None
        The reason why the run ended, where its status does not say it.
    resumed_at : int
        The epoch at which this process took up the run; 0 for a run that was not resumed.
    seconds : float
        The time that the run had taken by then.
    untrained : dict of str to float
        The test metrics before training, by their names in the summary.
    """

    position: int
    run: Run
    split: int
    length: Length
    report: Report
    moments: frozenset[int]
    metrics: dict[str, list[float | None]] = field(default_factory=dict)
    snapshots: list[NDArray[np.floating]] = field(default_factory=list)
    schedule_state: dict[str, float] = field(init=False)
    reported_epoch: int | None = None
    waited: int = 0
    to_beat: float = np.inf
    message: str | None = None
    resumed_at: int = 0
    seconds: float = 0.0
    untrained: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schedule_state = self.run.schedule.initial_state()

    def append(self, row: dict[str, float | None]) -> None:
        """Add the metrics of an epoch; other columns have no value."""
        for name in {**self.metrics, **row}:
            self.metrics.setdefault(name, []).append(row.get(name))

    @property
    def last_epoch(self) -> int:
        """The last epoch with metrics."""
        return max(len(self.metrics.get("epoch", ())) - 1, 0)

    @property
    def steps(self) -> int:
        """The number of steps that the run has taken."""
        return self.length.after(self.last_epoch)

    @property
    def loss(self) -> float | None:
        """The loss by which the run counts so far: that of the epoch it would report.

        It is the validation loss, or the training loss if there is no validation part. An epoch
        that is chosen on the test part counts for the test values only; then it is the last loss.
        """
        column = self.metrics.get("val/loss", self.metrics["train/loss"])
        by_test = self.report.test != "test"
        return column[-1 if by_test or self.reported_epoch is None else self.reported_epoch]

    def judge(self, epoch: int) -> Status | None:
        """Update the reported epoch, the schedule and early stopping after an epoch.

        Parameters
        ----------
        epoch : int
            The epoch, whose metrics were appended.

        Returns
        -------
        Status or None
            The status of a run that has ended, or None while it trains.
        """
        losses = [self.metrics[name][epoch] for name in _JUDGED if name in self.metrics]
        if not all(np.isfinite(loss) for loss in losses if loss is not None):
            self.message = f"the loss was not finite after epoch {epoch}"
            return Status.DIVERGED
        if self.report.prefers(self.metrics, epoch, self.reported_epoch):
            self.reported_epoch = epoch
        if "val/loss" in self.metrics:
            self._observe(epoch)
        if epoch >= self.length.epochs or self._is_spent(epoch):
            return Status.DONE
        patience = self.run.training.early_stopping.patience
        if patience is not None and self.waited >= patience:
            self.message = f"no better validation loss for {patience} epochs"
            return Status.STOPPED_EARLY
        return None

    def _is_spent(self, epoch: int) -> bool:
        """Whether the run has evaluated as many gradients as it may."""
        budget, spent = self.run.training.evaluations, self.metrics.get("evaluations")
        return budget is not None and spent is not None and (spent[epoch] or 0) >= budget

    def _observe(self, epoch: int) -> None:
        """Show the validation loss to the schedule and to early stopping."""
        loss = self.metrics["val/loss"][epoch]
        assert loss is not None
        if epoch > 0:
            self.run.schedule.observe(self.schedule_state, loss)
        self.waited += 1
        if loss < self.to_beat - self.run.training.early_stopping.min_delta:
            self.waited, self.to_beat = 0, loss

    def summary(self, scores: Sequence[str]) -> dict[str, float]:
        """Summarize the metrics.

        Parameters
        ----------
        scores : sequence of str
            The names of the score, such as "accuracy", and of the metrics.

        Returns
        -------
        dict of str to float
            Single numbers by name, such as ``best/val_loss``.
        """
        summary: dict[str, float] = {}

        def add(name: str, column: str, epoch: int) -> None:
            value = self.metrics[column][epoch] if column in self.metrics else None
            if value is not None:
                summary[name] = value

        reported = self.reported_epoch
        if reported is not None and self.report.epoch is not None:
            summary[f"{self.report.epoch}/epoch"] = reported
            if self.report.epoch == "best":
                add("best/val_loss", "val/loss", reported)
                for score in scores:
                    add(f"best/val_{score}", f"val/{score}", reported)
                add("best/train_loss", "train/loss", reported)
        if self.metrics:  # empty if interrupted before the first evaluation
            for part in (name.removesuffix("/loss") for name in _JUDGED if name in self.metrics):
                add(f"final/{part}_loss", f"{part}/loss", -1)
                for score in scores:
                    add(f"final/{part}_{score}", f"{part}/{score}", -1)
            add("time/seconds", "seconds", -1)
            for name in self.metrics:
                if name.startswith(PROBE):
                    add(f"final/{name.removeprefix(PROBE)}", name, -1)
        return summary | self.untrained

    def values(self) -> dict[str, Any]:
        """Return the values that :meth:`restore` needs, in types that JSON can hold."""
        return {
            "metrics": self.metrics,
            "schedule": self.schedule_state,
            "reported_epoch": self.reported_epoch,
            "waited": self.waited,
            "to_beat": self.to_beat,
            "untrained": self.untrained,
        }

    def restore(self, epoch: int, values: dict[str, Any]) -> None:
        """Resume after `epoch`.

        Parameters
        ----------
        epoch : int
            The last epoch that is complete.
        values : dict
            The result of :meth:`values` after that epoch.
        """
        self.metrics = values["metrics"]
        self.schedule_state = values["schedule"]
        self.reported_epoch, self.waited = values["reported_epoch"], values["waited"]
        self.to_beat = values["to_beat"]
        self.resumed_at = epoch
        self.seconds = self.metrics["seconds"][-1] or 0.0
        self.untrained = values["untrained"]
