"""The training loop of a stack of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from experiments.config.schema import Run
from experiments.datasets import Dataset
from experiments.training.outcome import Outcome
from experiments.training.stack import Stack
from experiments.training.state import State
from experiments.training.status import Status

EpochListener = Callable[[int, Sequence[tuple[int, float]]], None]
"""A callback after each epoch: its number, and position and validation loss of each live run."""


class Keeper(Protocol):
    """Saves checkpoints of running training."""

    def due(self, position: int) -> bool:
        """Whether the run at this position is due for a checkpoint."""

    def keep(self, outcome: Outcome, state: State) -> None:
        """Save a checkpoint of a run: its outcome so far, and its state."""


def train(
    runs: Sequence[Run],
    dataset: Dataset | Sequence[Dataset],
    on_epoch: EpochListener | None = None,
    *,
    states: Sequence[State] | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Outcome]:
    """Train runs together in one stack.

    The results are bit for bit those of each run trained alone. A run that ends (at its last
    epoch, by divergence or by early stopping) leaves the stack; the others are unaffected.

    Parameters
    ----------
    runs : sequence of Run
        Runs that can share a stack: the same architecture, loss, batch size and precision (see
        :func:`experiments.training.stacking.stack_key`).
    dataset : Dataset or sequence of Dataset
        The dataset of all runs, or that of each run: splits with parts of equal sizes.
    on_epoch : callable, optional
        A callback after each epoch.
    states : sequence of State, optional
        States to resume from, one for each run and all after the same epoch. The results are
        bit for bit those of runs that were never interrupted.
    keeper : Keeper, optional
        A store for checkpoints. It is asked after each epoch, and receives the state of every
        run if a KeyboardInterrupt comes between two epochs.

    Yields
    ------
    Outcome
        The outcome of each run as soon as it ends. A KeyboardInterrupt is raised again after
        the outcomes of the remaining runs, whose status is then "interrupted".
    """
    datasets = [dataset] * len(runs) if isinstance(dataset, Dataset) else dataset
    stack = Stack(runs, datasets)
    try:
        if states is None:
            yield from stack.evaluate(0)
        else:
            stack.restore(states)
        while stack.live:
            stack.train_epoch()
            yield from stack.evaluate(stack.epoch)
            if on_epoch is not None and stack.live:
                on_epoch(stack.epoch, stack.losses())
            if keeper is not None:
                _keep(stack, keeper)
    except KeyboardInterrupt:
        if keeper is not None and stack.between_epochs:
            _keep(stack, keeper, all_runs=True)
        yield from stack.leave(dict.fromkeys(range(len(stack.live)), Status.INTERRUPTED))
        raise


def _keep(stack: Stack, keeper: Keeper, *, all_runs: bool = False) -> None:
    """Save a checkpoint of the runs that are due for one, or of all runs."""
    for row, live in enumerate(stack.live):
        if all_runs or keeper.due(live.position):
            keeper.keep(stack.outcome(row), stack.state(row))
