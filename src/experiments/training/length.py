"""The length of a training, in epochs and in steps."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.config.schema import Run, Training
from experiments.datasets import Dataset
from nn.batches import steps_per_epoch


@dataclass(frozen=True)
class Length:
    """The length of a training, whose last epoch may be cut short.

    Parameters
    ----------
    per_epoch : int
        Number of steps in a whole epoch.
    steps : int
        Number of steps of the training.
    """

    per_epoch: int
    steps: int

    @property
    def epochs(self) -> int:
        """The number of epochs, including a last one that is cut short."""
        return -(-self.steps // self.per_epoch)

    def after(self, epoch: int) -> int:
        """Return the number of steps that are taken by the end of an epoch."""
        return min(epoch * self.per_epoch, self.steps)

    def within(self, epoch: int) -> int:
        """Return the number of steps of an epoch."""
        return self.after(epoch) - self.after(epoch - 1)


def length_of(run: Run, dataset: Dataset) -> Length:
    """Return the length of a run's training on a dataset."""
    training, rows = run.training, len(dataset.train)
    drops = training.last_batch == "drop" or training.order.carries
    per_epoch = steps_per_epoch(rows, batch_rows(training, rows), drop_last=drops)
    steps = training.steps or training.epochs * per_epoch
    if training.evaluations is not None:
        # A step that searches may take more, and the run ends once it has evaluated as many.
        steps = max(training.evaluations // run.optimizer.gradients_per_step, 1)
    return Length(per_epoch, steps)


def batch_rows(training: Training, rows: int) -> int:
    """Return the number of rows in a step, for a training part of so many rows."""
    return rows if training.batch_size == "full" else min(training.batch_size, rows)
